// Integers of 1 to 64 bits at any bit of a string, and what one operation of BITFIELD does to them.
//
//   type = "i" width | "u" width         signed of 1 to 64 bits, unsigned of 1 to 63
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace starling::server {

struct BitfieldType {
  bool is_signed = false;
  int bits = 1;
};

[[nodiscard]] bool parse_bitfield_type(std::string_view text, BitfieldType* type);

// The `bits` bits from bit `offset` on, the first one as the highest. What lies beyond the string reads as
// zero.
uint64_t read_bits(std::string_view bytes, uint64_t offset, int bits);
// Writes the lowest `bits` bits of `value`. Precondition: they lie within `bytes`.
void write_bits(std::span<char> bytes, uint64_t offset, int bits, uint64_t value);

enum class BitfieldOverflow : uint8_t { kWrap, kSaturate, kFail };

struct BitfieldOperation {
  enum class Kind : uint8_t { kGet, kSet, kIncrement };
  Kind kind = Kind::kGet;
  BitfieldOverflow overflow = BitfieldOverflow::kWrap;
  BitfieldType type;
  uint64_t offset = 0;  // In bits.
  int64_t operand = 0;  // The value of kSet, the increment of kIncrement.

  uint64_t last_bit() const { return offset + static_cast<uint64_t>(type.bits) - 1; }
};

struct BitfieldOutcome {
  bool failed = false;   // An overflow that must not happen: the reply is null and nothing is written.
  bool changes = false;  // Writing `raw` makes a difference.
  int64_t reply = 0;
  uint64_t raw = 0;  // What kSet and kIncrement write.
};

// What `operation` does to `bytes` as they are; it does not do it yet.
BitfieldOutcome evaluate(const BitfieldOperation& operation, std::string_view bytes);

}  // namespace starling::server
