#include "server/commands/strings/longest_common_subsequence.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/resp/seed.h"

namespace starling::server {
namespace {

// Straight from the definition.
uint32_t size_of_longest(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return 0;
  if (a.back() == b.back()) {
    return 1 + size_of_longest(a.substr(0, a.size() - 1), b.substr(0, b.size() - 1));
  }
  return std::max(size_of_longest(a.substr(0, a.size() - 1), b),
                  size_of_longest(a, b.substr(0, b.size() - 1)));
}

TEST_CASE("a text with two ranges") {
  const CommonSubsequence common = longest_common_subsequence("ohmytext", "mynewtext", false);
  CHECK(common.size == 6);
  CHECK(common.text == "mytext");
  REQUIRE(common.ranges.size() == 2);
  CHECK(common.ranges[0].a_first == 4);
  CHECK(common.ranges[0].a_last == 7);
  CHECK(common.ranges[0].b_first == 5);
  CHECK(common.ranges[0].b_last == 8);
  CHECK(common.ranges[1].a_first == 2);
  CHECK(common.ranges[1].a_last == 3);
  CHECK(common.ranges[1].b_first == 0);
  CHECK(common.ranges[1].b_last == 1);
}

TEST_CASE("nothing in common") {
  for (const auto& [a, b] :
       {std::pair("", ""), std::pair("", "abc"), std::pair("abc", ""), std::pair("ab", "cd")}) {
    const CommonSubsequence common = longest_common_subsequence(a, b, false);
    CHECK(common.size == 0);
    CHECK(common.text.empty());
    CHECK(common.ranges.empty());
  }
}

TEST_CASE("random strings: the size is the longest, and text and ranges agree with it") {
  const uint64_t seed = resp::test_seed("longest_common_subsequence");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string a(random() % 10, ' '), b(random() % 10, ' ');
    for (char& c : a) c = static_cast<char>('a' + random() % 3);
    for (char& c : b) c = static_cast<char>('a' + random() % 3);
    CAPTURE(a);
    CAPTURE(b);
    const CommonSubsequence common = longest_common_subsequence(a, b, false);
    CHECK(common.size == size_of_longest(a, b));
    CHECK(longest_common_subsequence(a, b, true).size == common.size);
    std::string of_a, of_b;
    for (auto range = common.ranges.rbegin(); range != common.ranges.rend(); ++range) {
      of_a += a.substr(range->a_first, range->size());
      of_b += b.substr(range->b_first, range->b_last - range->b_first + 1);
    }
    CHECK(common.text.size() == common.size);
    CHECK(of_a == common.text);
    CHECK(of_b == common.text);
  }
}

}  // namespace
}  // namespace starling::server
