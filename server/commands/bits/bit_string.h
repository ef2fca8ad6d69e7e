// Strings as arrays of bits. Bit 0 is the highest bit of the first byte.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace starling::server {

inline bool test_bit(std::string_view bytes, uint64_t bit) {
  return (static_cast<unsigned char>(bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0;
}
inline void write_bit(std::span<char> bytes, uint64_t bit, bool value) {
  const auto mask = static_cast<unsigned char>(1u << (7 - bit % 8));
  const auto old = static_cast<unsigned char>(bytes[bit / 8]);
  bytes[bit / 8] = static_cast<char>(value ? old | mask : old & ~mask);
}

// How many bits from `first` to `last`, both included, are set. Precondition: first <= last < 8 *
// bytes.size().
uint64_t count_bits(std::string_view bytes, uint64_t first, uint64_t last);
// The first bit from `first` to `last` that is `value`, or -1. Same precondition.
int64_t find_bit(std::string_view bytes, bool value, uint64_t first, uint64_t last);

enum class BitOperation : uint8_t { kAnd, kOr, kXor, kNot };

// Combines the sources, each extended by zeros to the size of `result`. kNot takes one source. Precondition:
// there is a source, and none is longer than `result`, which does not overlap them.
void combine_bits(BitOperation operation, std::span<const std::string_view> sources, std::span<char> result);

}  // namespace starling::server
