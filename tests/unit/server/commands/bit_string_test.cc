#include "server/commands/bits/bit_string.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/resp/seed.h"

namespace starling::server {
namespace {

std::string random_bytes(std::mt19937_64& random, size_t size) {
  // Often long runs of equal bits, which is where the searches skip.
  const uint64_t kind = random() % 3;
  std::string bytes(size, kind == 0 ? '\0' : '\xff');
  for (char& c : bytes) {
    if (kind == 2 || random() % 20 == 0) c = static_cast<char>(random());
  }
  return bytes;
}

TEST_CASE("bit 0 is the highest of the first byte") {
  std::string bytes(2, '\0');
  write_bit(bytes, 0, true);
  write_bit(bytes, 15, true);
  CHECK(bytes == "\x80\x01");
  CHECK(test_bit(bytes, 0));
  CHECK_FALSE(test_bit(bytes, 1));
  write_bit(bytes, 0, false);
  CHECK(bytes == std::string("\0\x01", 2));
}

TEST_CASE("random ranges are counted and searched as bit by bit") {
  const uint64_t seed = resp::test_seed("bit_string");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const std::string bytes = random_bytes(random, 1 + random() % 80);
    uint64_t first = random() % (bytes.size() * 8), last = random() % (bytes.size() * 8);
    if (first > last) std::swap(first, last);
    uint64_t count = 0;
    int64_t first_set = -1, first_clear = -1;
    for (uint64_t bit = first; bit <= last; ++bit) {
      const bool set = test_bit(bytes, bit);
      count += set ? 1 : 0;
      int64_t& position = set ? first_set : first_clear;
      if (position < 0) position = static_cast<int64_t>(bit);
    }
    CAPTURE(first);
    CAPTURE(last);
    CHECK(count_bits(bytes, first, last) == count);
    CHECK(find_bit(bytes, true, first, last) == first_set);
    CHECK(find_bit(bytes, false, first, last) == first_clear);
  }
}

TEST_CASE("random strings are combined as byte by byte, shorter ones extended by zeros") {
  const uint64_t seed = resp::test_seed("bit_string");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> strings(1 + random() % 4);
    size_t size = 0;
    for (std::string& s : strings) {
      s = random_bytes(random, random() % 40);
      size = std::max(size, s.size());
    }
    const std::vector<std::string_view> sources(strings.begin(), strings.end());
    const auto byte = [&](size_t k, size_t i) {
      return i < strings[k].size() ? static_cast<unsigned char>(strings[k][i]) : 0u;
    };
    std::string expected_and(size, '\0'), expected_or = expected_and, expected_xor = expected_and;
    for (size_t i = 0; i < size; ++i) {
      unsigned both = byte(0, i), any = both, odd = both;
      for (size_t k = 1; k < strings.size(); ++k) {
        both &= byte(k, i);
        any |= byte(k, i);
        odd ^= byte(k, i);
      }
      expected_and[i] = static_cast<char>(both);
      expected_or[i] = static_cast<char>(any);
      expected_xor[i] = static_cast<char>(odd);
    }
    std::string result(size, 'x');
    combine_bits(BitOperation::kAnd, sources, result);
    CHECK(result == expected_and);
    combine_bits(BitOperation::kOr, sources, result);
    CHECK(result == expected_or);
    combine_bits(BitOperation::kXor, sources, result);
    CHECK(result == expected_xor);
  }
  const std::string_view source = "\x0f\xf0";
  std::string result(2, 'x');
  combine_bits(BitOperation::kNot, {&source, 1}, result);
  CHECK(result == "\xf0\x0f");
}

}  // namespace
}  // namespace starling::server
