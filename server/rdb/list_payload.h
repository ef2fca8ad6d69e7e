// Lists as RDB data carries them (rdb_payload.h has what is around):
//
//   %x01 length *string           a list: the number of items, the items
//   %x0A string                   a list as a ziplist; only read
//   %x0E length *string           a list as so many ziplists; only read
//   %x12 length *node             a list as so many nodes: what is written
//   node = %x01 string            one item, which is large
//        | %x02 string            a listpack of items
#pragma once

#include <cstdint>
#include <string>

#include "server/rdb/rdb_strings.h"

namespace starling::server {

bool is_list_type(uint8_t type);
// What follows the type. False: the bytes are no list of that type. A list may turn out to be empty.
[[nodiscard]] bool read_list(uint8_t type, RdbReader& reader, RdbStrings* items);
// With the type.
void append_list(const RdbStrings& items, std::string* out);

}  // namespace starling::server
