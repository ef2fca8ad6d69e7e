// One value as DUMP writes it and RESTORE reads it: the format of Redis 7.0, RDB version 10.
//
//   payload     = type value version crc        version: u16le, up to 10; crc: u64le, CRC-64 of all before (crc64.h)
//   type, value = %x00 string                   a string
//               | %x02 length *string           a set: the number of members, the members
//               | %x04 length *(string string)  a hash: the number of fields, names and values
//               | %x0B string                   a set as an intset
//               | %x0D string                   a hash as a ziplist of names and values, by turns; only read
//               | %x10 string                   a hash as a listpack of the same
//               | %x14 string                   a set as a listpack (Redis 7.2); only read
//               | sorted-set                    sorted_set_payload.h
//               | list                          list_payload.h
//               | stream                        stream_payload.h
//
// length, string: rdb_strings.h. Intset, ziplist, listpack: rdb_compact.h. Values of other types are not
// read. A whole file of them: rdb_file.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/base/types.h"
#include "engine/memory/collection.h"
#include "server/rdb/rdb_strings.h"

namespace starling::server {

struct RdbValue {
  engine::Type type = engine::Type::kNone;
  // A string: that one. A set: its members. A hash: names and values by turns. A list: its items in order.
  RdbStrings strings;
};

enum class RdbForm {
  kPlain,
  kCompact,  // A hash or sorted set as a listpack, a set of integers as an intset.
};

// Makes a payload of a type and a value.
void seal_rdb_payload(std::string* type_and_value);
// The version is known and the checksum right.
[[nodiscard]] bool rdb_payload_intact(std::string_view payload);
// The string, hash, set or list of an intact payload. False: the bytes are no such value, which an intact payload of
// untrusted origin may well have; *value is then unspecified. A hash, set or list is never empty, but may have a name
// or member twice. The views are into `payload` or the value itself.
[[nodiscard]] bool decode_rdb_payload(std::string_view payload, RdbValue* value);
// The hash, set, sorted set or stream that an intact payload says. Null: it says no such thing, or has a name or member
// twice.
[[nodiscard]] std::unique_ptr<engine::Collection> decode_rdb_collection(std::string_view payload);

// Precondition: a string, or a hash, set or list that is not empty; a set is of integers when `form` is kCompact.
std::string encode_rdb_payload(const RdbValue& value, RdbForm form);
// Precondition: a sorted set or stream that is not empty.
std::string encode_rdb_payload(const engine::Collection& collection, RdbForm form);

}  // namespace starling::server
