#include "server/commands/bits/bitfield_operation.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "server/commands/bits/bit_string.h"
#include "tests/unit/resp/seed.h"

namespace starling::server {
namespace {

using Kind = BitfieldOperation::Kind;
using Overflow = BitfieldOverflow;

BitfieldType type_of(std::string_view text) {
  BitfieldType type;
  REQUIRE(parse_bitfield_type(text, &type));
  return type;
}

// The field after INCRBY by `increment` of one that holds `value`; `failed` when nothing would be written.
constexpr int64_t kFailed = 424242;
int64_t incremented(std::string_view type_text, int64_t value, int64_t increment, Overflow overflow) {
  const BitfieldType type = type_of(type_text);
  std::string bytes(10, '\0');
  write_bits(bytes, 3, type.bits, static_cast<uint64_t>(value));
  const BitfieldOutcome outcome = evaluate({Kind::kIncrement, overflow, type, 3, increment}, bytes);
  return outcome.failed ? kFailed : outcome.reply;
}

// What is read back after SET.
int64_t after_set(std::string_view type_text, int64_t value, Overflow overflow) {
  const BitfieldType type = type_of(type_text);
  std::string bytes(8, '\0');
  const BitfieldOutcome outcome = evaluate({Kind::kSet, overflow, type, 0, value}, bytes);
  if (outcome.failed) return kFailed;
  write_bits(bytes, 0, type.bits, outcome.raw);
  return evaluate({Kind::kGet, overflow, type, 0, 0}, bytes).reply;
}

TEST_CASE("types") {
  CHECK(type_of("i64").bits == 64);
  CHECK(type_of("i64").is_signed);
  CHECK(type_of("u63").bits == 63);
  CHECK_FALSE(type_of("u1").is_signed);
  BitfieldType type;
  for (const std::string_view text :
       {"", "i", "u", "u64", "i65", "i0", "u0", "I8", "8", "i-1", "i08", "u 8", "x8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_bitfield_type(text, &type));
  }
}

TEST_CASE("random fields are read and written as bit by bit") {
  const uint64_t seed = resp::test_seed("bitfield_operation");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::string bytes(20, '\0');
  for (int round = 0; round < 5000; ++round) {
    const int bits = 1 + static_cast<int>(random() % 64);
    const uint64_t offset = random() % (bytes.size() * 8 - static_cast<uint64_t>(bits) + 1);
    const uint64_t value = random();
    CAPTURE(bits);
    CAPTURE(offset);
    std::string expected = bytes;
    for (int i = 0; i < bits; ++i) {
      write_bit(expected, offset + static_cast<uint64_t>(i), (value >> (bits - 1 - i) & 1) != 0);
    }
    write_bits(bytes, offset, bits, value);
    REQUIRE(bytes == expected);
    REQUIRE(read_bits(bytes, offset, bits) == (bits == 64 ? value : value & ((uint64_t{1} << bits) - 1)));
  }
}

TEST_CASE("beyond the string there are zeros") {
  CHECK(read_bits("\xff", 4, 8) == 0xf0);
  CHECK(read_bits("\xff", 100, 64) == 0);
  CHECK(read_bits("", 0, 1) == 0);
}

TEST_CASE("overflow wraps around, saturates or fails") {
  CHECK(incremented("u8", 250, 10, Overflow::kWrap) == 4);
  CHECK(incremented("u8", 250, 10, Overflow::kSaturate) == 255);
  CHECK(incremented("u8", 250, 10, Overflow::kFail) == kFailed);
  CHECK(incremented("u8", 5, -10, Overflow::kWrap) == 251);
  CHECK(incremented("u8", 5, -10, Overflow::kSaturate) == 0);
  CHECK(incremented("u8", 5, -10, Overflow::kFail) == kFailed);
  CHECK(incremented("u8", 5, 250, Overflow::kFail) == 255);

  CHECK(incremented("i8", 120, 10, Overflow::kWrap) == -126);
  CHECK(incremented("i8", 120, 10, Overflow::kSaturate) == 127);
  CHECK(incremented("i8", 120, 10, Overflow::kFail) == kFailed);
  CHECK(incremented("i8", -120, -10, Overflow::kWrap) == 126);
  CHECK(incremented("i8", -120, -10, Overflow::kSaturate) == -128);
  CHECK(incremented("i8", -120, -8, Overflow::kFail) == -128);
  CHECK(incremented("i1", 0, 1, Overflow::kWrap) == -1);

  CHECK(incremented("i64", INT64_MAX, 1, Overflow::kWrap) == INT64_MIN);
  CHECK(incremented("i64", INT64_MAX, 1, Overflow::kSaturate) == INT64_MAX);
  CHECK(incremented("i64", INT64_MIN, -1, Overflow::kSaturate) == INT64_MIN);
  CHECK(incremented("i64", INT64_MIN, -1, Overflow::kFail) == kFailed);
  CHECK(incremented("i64", -1, INT64_MIN, Overflow::kWrap) == INT64_MAX);
  CHECK(incremented("u63", INT64_MAX, 1, Overflow::kWrap) == 0);
  CHECK(incremented("u63", INT64_MAX, INT64_MAX, Overflow::kSaturate) == INT64_MAX);
}

TEST_CASE("values that are set overflow, too") {
  CHECK(after_set("u8", 256, Overflow::kWrap) == 0);
  CHECK(after_set("u8", 256, Overflow::kSaturate) == 255);
  CHECK(after_set("u8", -1, Overflow::kWrap) == 255);
  CHECK(after_set("u8", -1, Overflow::kSaturate) == 255);  // As a large unsigned number.
  CHECK(after_set("u8", -1, Overflow::kFail) == kFailed);
  CHECK(after_set("i8", 128, Overflow::kWrap) == -128);
  CHECK(after_set("i8", -129, Overflow::kSaturate) == -128);
  CHECK(after_set("i8", -129, Overflow::kFail) == kFailed);
  CHECK(after_set("i8", INT64_MIN + 128, Overflow::kSaturate) == -128);
  CHECK(after_set("i8", INT64_MIN + 127, Overflow::kSaturate) == 127);  // Redis's distance wraps around.
  CHECK(after_set("i64", INT64_MIN, Overflow::kFail) == INT64_MIN);
}

TEST_CASE("SET answers the old value, and says when it changes nothing") {
  const BitfieldOutcome same = evaluate({Kind::kSet, Overflow::kWrap, type_of("u8"), 0, 65}, "A");
  CHECK(same.reply == 65);
  CHECK_FALSE(same.changes);
  const BitfieldOutcome other = evaluate({Kind::kSet, Overflow::kWrap, type_of("u8"), 0, 66}, "A");
  CHECK(other.reply == 65);
  CHECK(other.changes);
  CHECK(other.raw == 66);
}

}  // namespace
}  // namespace starling::server
