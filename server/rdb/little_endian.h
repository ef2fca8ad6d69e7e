// Integers of any width, least significant byte first, as RDB data has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starling::server {

// Precondition of both: 1 to 8 bytes.
inline uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

inline int64_t signed_little_endian(std::string_view bytes) {
  const int unused_bits = 64 - static_cast<int>(bytes.size()) * 8;
  return static_cast<int64_t>(little_endian(bytes) << unused_bits) >> unused_bits;
}

inline void append_little_endian(uint64_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace starling::server
