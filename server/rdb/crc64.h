// CRC-64 with Jones's polynomial (0xad93d23594c935a9), bits reflected, from 0 and not inverted at the end:
// what closes RDB data. `before`: of what stands before the bytes. Of "123456789" it is 0xe9c6d914c4b8d9ca.
#pragma once

#include <cstdint>
#include <string_view>

namespace starling::server {

uint64_t crc64(std::string_view bytes, uint64_t before = 0);

}  // namespace starling::server
