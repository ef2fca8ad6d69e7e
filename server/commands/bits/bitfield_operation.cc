#include "server/commands/bits/bitfield_operation.h"

#include "resp/number.h"

namespace starling::server {
namespace {

uint64_t mask_of(int bits) {
  return bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
}

int64_t value_of(uint64_t raw, BitfieldType type) {
  const int unused = type.is_signed ? 64 - type.bits : 0;
  return static_cast<int64_t>(raw << unused) >> unused;
}

struct Sum {
  uint64_t raw;
  bool overflow;
};

Sum saturated_or_wrapped(BitfieldOverflow overflow, uint64_t limit, uint64_t wrapped) {
  return {overflow == BitfieldOverflow::kSaturate ? limit : wrapped, true};
}

Sum add_signed(int64_t value, int64_t increment, int bits, BitfieldOverflow overflow) {
  const auto max = static_cast<int64_t>(mask_of(bits - 1));
  const int64_t min = -max - 1;
  const uint64_t wrapped = (static_cast<uint64_t>(value) + static_cast<uint64_t>(increment)) & mask_of(bits);
  const __int128 exact = static_cast<__int128>(value) + increment;
  // Redis takes the distance from `value` to the maximum in 64 bits: a value set so low that this wraps
  // around counts as too high.
  const bool distance_wraps = bits < 64 && static_cast<__int128>(max) - value > INT64_MAX;
  if (exact > max || distance_wraps) {
    return saturated_or_wrapped(overflow, static_cast<uint64_t>(max) & mask_of(bits), wrapped);
  }
  if (exact < min) return saturated_or_wrapped(overflow, static_cast<uint64_t>(min) & mask_of(bits), wrapped);
  return {wrapped, false};
}

Sum add_unsigned(uint64_t value, int64_t increment, int bits, BitfieldOverflow overflow) {
  const uint64_t max = mask_of(bits);
  const uint64_t wrapped = (value + static_cast<uint64_t>(increment)) & max;
  const __int128 exact = static_cast<__int128>(value) + increment;
  if (exact > max) return saturated_or_wrapped(overflow, max, wrapped);
  if (exact < 0) return saturated_or_wrapped(overflow, 0, wrapped);
  return {wrapped, false};
}

Sum add(BitfieldType type, uint64_t value, int64_t increment, BitfieldOverflow overflow) {
  if (type.is_signed) return add_signed(static_cast<int64_t>(value), increment, type.bits, overflow);
  return add_unsigned(value, increment, type.bits, overflow);
}

}  // namespace

bool parse_bitfield_type(std::string_view text, BitfieldType* type) {
  if (text.empty() || (text[0] != 'i' && text[0] != 'u')) return false;
  const bool is_signed = text[0] == 'i';
  int64_t bits = 0;
  if (!resp::parse_integer(text.substr(1), &bits) || bits < 1 || bits > (is_signed ? 64 : 63)) return false;
  *type = {is_signed, static_cast<int>(bits)};
  return true;
}

uint64_t read_bits(std::string_view bytes, uint64_t offset, int bits) {
  const uint64_t end = offset + static_cast<uint64_t>(bits);
  unsigned __int128 window = 0;  // The at most nine bytes that the field lies in.
  for (uint64_t i = offset / 8; i <= (end - 1) / 8; ++i) {
    window = window << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
  }
  return static_cast<uint64_t>(window >> ((8 - end % 8) % 8)) & mask_of(bits);
}

void write_bits(std::span<char> bytes, uint64_t offset, int bits, uint64_t value) {
  const uint64_t end = offset + static_cast<uint64_t>(bits);
  const auto shift = (8 - end % 8) % 8;
  unsigned __int128 window = static_cast<unsigned __int128>(value & mask_of(bits)) << shift;
  unsigned __int128 mask = static_cast<unsigned __int128>(mask_of(bits)) << shift;
  for (uint64_t i = (end - 1) / 8 + 1; i-- > offset / 8;) {
    const auto kept = static_cast<unsigned char>(bytes[i]) & ~static_cast<unsigned>(mask & 0xff);
    bytes[i] = static_cast<char>(kept | static_cast<unsigned>(window & 0xff));
    window >>= 8;
    mask >>= 8;
  }
}

BitfieldOutcome evaluate(const BitfieldOperation& operation, std::string_view bytes) {
  using Kind = BitfieldOperation::Kind;
  BitfieldOutcome outcome;
  const uint64_t old = read_bits(bytes, operation.offset, operation.type.bits);
  outcome.reply = value_of(old, operation.type);
  if (operation.kind == Kind::kGet) return outcome;

  const bool increment = operation.kind == Kind::kIncrement;
  const auto base = static_cast<uint64_t>(increment ? outcome.reply : operation.operand);
  const Sum sum = add(operation.type, base, increment ? operation.operand : 0, operation.overflow);
  outcome.failed = sum.overflow && operation.overflow == BitfieldOverflow::kFail;
  outcome.raw = sum.raw;
  outcome.changes = !outcome.failed && sum.raw != old;
  if (increment) outcome.reply = value_of(sum.raw, operation.type);
  return outcome;
}

}  // namespace starling::server
