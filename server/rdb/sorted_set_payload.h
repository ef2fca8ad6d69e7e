// Sorted sets in RDB data: the values of the payloads of rdb_payload.h that are such.
//
//   value = %x03 length *( string score )   the number of members; scores as texts
//         | %x05 length *( string double )  double: IEEE 754, 8 bytes, little-endian
//         | %x0C string                     a ziplist of members and scores, by turns; only read
//         | %x11 string                     a listpack of the same, in the order of the scores
//   score = %xFE | %xFF                     infinity, -infinity
//         | 1byte n*byte                    up to 252 bytes of decimal text
//
// Scores that are not a number are refused. length, string: rdb_strings.h. Ziplist, listpack: rdb_compact.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/memory/collection.h"
#include "server/rdb/rdb_strings.h"

namespace starling::server {

// Whether a value that begins with the byte is one.
bool is_sorted_set_type(uint8_t type);
// What follows the type, to the end of what is to be read. Null: it is no such thing, is empty or has a member twice.
[[nodiscard]] std::unique_ptr<engine::Collection> read_sorted_set(uint8_t type, RdbReader& reader);
// A score as text in a listpack of Redis, and in ZSCAN of one: a whole number of up to 62 bits has no exponent.
std::string listpack_score(double score);
// The type and the rest; `compact`: as a listpack. Precondition: a sorted set that is not empty.
void append_sorted_set(const engine::Collection& members, bool compact, std::string* out);

}  // namespace starling::server
