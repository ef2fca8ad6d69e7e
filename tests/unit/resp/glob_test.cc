#include "resp/glob.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "tests/unit/resp/seed.h"

namespace starling::resp {
namespace {

struct Case {
  std::string_view pattern;
  std::string_view string;
  bool expected;
};

TEST_CASE("patterns") {
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "a", true},
      {"*", "", false},  // As in Redis.
      {"**", "abc", true},
      {"a*", "a", true},
      {"a**", "a", true},
      {"*a", "a", true},
      {"*a", "ab", false},
      {"a*b*c", "a--b--b--c", true},
      {"a*b*c", "a--b--b--c-", false},
      {"*ab", "aab", true},
      {"*aab", "aaab", true},
      {"?", "a", true},
      {"?", "ab", false},
      {"a?c", "abc", true},
      {"*?", "a", true},
      {"??*", "a", false},
      {"h[ae]llo", "hello", true},
      {"h[ae]llo", "hillo", false},
      {"h[^e]llo", "hallo", true},
      {"h[^e]llo", "hello", false},
      {"h[a-b]llo", "hbllo", true},
      {"h[b-a]llo", "hallo", true},
      {"h[a-b]llo", "hcllo", false},
      {"[]", "]", false},
      {"[^]", "a", true},
      {"[", "[", false},
      {"[^", "a", true},
      {"[a", "a", true},
      {"[a-", "-", true},
      {"[a-]", "b", false},
      {"[a-]", "^", true},  // A range up to "]", and no end.
      {"[\\]]", "]", true},
      {"[\\-x]", "-", true},
      {"[a\\", "\\", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\", "\\", true},
      {"a\\", "a\\", true},
      {"\\\\", "\\", true},
      {"[\x80-\xff]", "\xc3", true},
      {"[a-\xff]", "b", false},  // Signed: 0xff is below "a".
      {"[a-\xff]", "B", true},
      {"caf\xc3\xa9", "caf\xc3\xa9", true},
      {std::string_view("a\0*", 3), std::string_view("a\0b", 3), true},
      {std::string_view("a\0c", 3), std::string_view("a\0b", 3), false},
  };
  for (const Case& test : cases) {
    CAPTURE(test.pattern);
    CAPTURE(test.string);
    CHECK(glob_match(test.pattern, test.string) == test.expected);
  }
}

TEST_CASE("ignoring case") {
  CHECK(glob_match("MaxMemory*", "maxmemory-policy", true));
  CHECK_FALSE(glob_match("MaxMemory*", "maxmemory-policy"));
  CHECK(glob_match("[A-C]x", "bX", true));
  CHECK(glob_match("[XYZ]", "y", true));
  CHECK(glob_match("*-POLICY", "maxmemory-policy", true));
  CHECK_FALSE(glob_match("[\\X]", "x", true));
  CHECK(glob_match("\\X", "x", true));
  CHECK_FALSE(glob_match("\xc0", "\xe0", true));
}

// The definition, for patterns of plain bytes, "?" and "*".
bool matches(std::string_view pattern, std::string_view string) {
  if (pattern.empty()) return string.empty();
  if (pattern[0] == '*') {
    return matches(pattern.substr(1), string) || (!string.empty() && matches(pattern, string.substr(1)));
  }
  return !string.empty() && (pattern[0] == '?' || pattern[0] == string[0]) &&
         matches(pattern.substr(1), string.substr(1));
}

TEST_CASE("random patterns agree with the definition") {
  std::mt19937_64 random(test_seed("resp glob"));
  int matched = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string pattern(random() % 9, ' ');
    std::string string(1 + random() % 9, ' ');
    for (char& c : pattern) c = "ab*?*"[random() % 5];
    for (char& c : string) c = "ab"[random() % 2];
    CAPTURE(pattern);
    CAPTURE(string);
    const bool expected = matches(pattern, string);
    REQUIRE(glob_match(pattern, string) == expected);
    matched += expected ? 1 : 0;
  }
  CHECK(matched > 1000);
}

// Would not end with a matcher that tries every star again, nor on the stack of one that recurses.
TEST_CASE("hostile patterns end") {
  std::string stars;
  for (int i = 0; i < 200000; ++i) stars += "a*";
  const std::string many(400000, 'a');
  CHECK(glob_match(stars, many));
  CHECK_FALSE(glob_match(stars + "b", many));
  CHECK_FALSE(glob_match(stars + "b", std::string(100, 'a')));
  std::string classes;
  for (int i = 0; i < 50000; ++i) classes += "*[ab]";
  CHECK_FALSE(glob_match(classes + "c", many));
}

}  // namespace
}  // namespace starling::resp
