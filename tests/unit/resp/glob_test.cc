#include "resp/glob.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

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

// Of any tokens: a step at a time, by one-byte patterns.
bool matches_any(std::string_view pattern, std::string_view string) {
  if (pattern.empty()) return string.empty();
  if (pattern[0] == '*') {
    return matches_any(pattern.substr(1), string) ||
           (!string.empty() && matches_any(pattern, string.substr(1)));
  }
  if (string.empty()) return false;
  size_t token = 1;
  if (pattern[0] == '\\' && pattern.size() > 1) token = 2;
  if (pattern[0] == '[') {
    const auto left = [&] { return pattern.size() - token; };
    if (pattern.substr(1).starts_with('^')) ++token;
    while (left() > 0 && pattern[token] != ']') {
      const bool escaped = pattern[token] == '\\' && left() >= 2;
      token += escaped ? 2 : left() >= 3 && pattern[token + 1] == '-' ? 3 : 1;
    }
    token = std::min(token + 1, pattern.size());
  }
  return glob_match(pattern.substr(0, token), string.substr(0, 1)) &&
         matches_any(pattern.substr(token), string.substr(1));
}

TEST_CASE("by parts, random patterns come to the same") {
  std::mt19937_64 random(test_seed("resp glob parts"));
  int matched = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string pattern(random() % 12, ' ');
    std::string string(1 + random() % 10, ' ');
    for (char& c : pattern) c = "ab*?*[]^-\\"[random() % 10];
    for (char& c : string) c = "ab-]"[random() % 4];
    // Parts that are too long to be tried in turn.
    if (i % 4 == 0) pattern = "*" + std::string(20, '?') + pattern + "*";
    if (i % 4 == 0) string += std::string(random() % 30, 'a');
    CAPTURE(pattern);
    CAPTURE(string);
    uint64_t steps = 0;
    const bool expected = matches_any(pattern, string);
    REQUIRE(glob_match_by_parts(pattern, string, false, &steps) == expected);
    REQUIRE(glob_match(pattern, string) == expected);
    REQUIRE(glob_match_by_parts(pattern, string, true, &steps) == glob_match(pattern, string, true));
    matched += expected ? 1 : 0;
  }
  CHECK(matched > 1000);
}

std::string repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST_CASE("steps are linear in pattern and string, whatever they are") {
  constexpr size_t kMany = 60'000;
  const std::string as(kMany, 'a');
  const std::string class_of_many = "[" + std::string(kMany, 'b') + "]";
  const std::vector<std::string> patterns = {
      "*" + class_of_many,  // a class that is read for each byte
      "*" + class_of_many + "c",
      "*[a" + std::string(kMany, 'b') + "]c*",
      "*" + std::string(kMany / 2, 'a') + "b",  // plain bytes that nearly fit everywhere
      "*" + std::string(kMany / 2, 'a') + "b*",
      "*" + repeated("a?", 2000) + "b*",
      "*" + repeated("[ab]", 4000) + "c*",
      "*" + repeated("[ab]", 20) + "c*",
      "*" + repeated("?", 4000) + "b*",
      "*" + repeated("\\a", kMany / 4) + "b*",
      repeated("*[ab]?", kMany / 6) + "c",
      repeated("*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", kMany / 32),
      "*" + repeated("[^b]", kMany / 8) + "b*",
      "*" + repeated("[\x01-z]", 4000) + "b*",
      "*" + repeated("[", kMany),
      std::string(kMany, '*') + "b",
  };
  for (const std::string& pattern : patterns) {
    for (const bool ignore_case : {false, true}) {
      for (const std::string& string : {as, as + "b", repeated("ab", kMany / 2), std::string(10, 'a')}) {
        CAPTURE(pattern.substr(0, 40));
        uint64_t steps = 0;
        (void)glob_match(pattern, string, ignore_case, &steps);
        CHECK(steps <= kGlobStepsPerByte * (pattern.size() + string.size()) + kGlobLeastSteps);
      }
    }
  }
}

TEST_CASE("parts of too many tokens are known") {
  CHECK(glob_bounded(""));
  CHECK(glob_bounded("*" + std::string(100'000, 'a') + "*"));
  CHECK(glob_bounded("*" + std::string(kMaxGlobPartTokens, '?') + "*"));
  CHECK(glob_bounded("*[" + std::string(100'000, 'a') + "]*"));
  CHECK(glob_bounded(std::string(100'000, '?') + "*" + std::string(100'000, '?')));
  CHECK_FALSE(glob_bounded("*" + std::string(kMaxGlobPartTokens + 1, '?') + "*"));
  CHECK_FALSE(glob_bounded("a*b*" + std::string(100'000, 'a') + "?*"));
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
