#include "server/tracking/prefix_table.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace starling::server {
namespace {

using Matches = std::vector<std::pair<std::string, uint32_t>>;

Matches match(const PrefixTable& table, std::string_view key) {
  Matches matches;
  table.match(key, [&](std::string_view prefix, uint32_t loop) { matches.emplace_back(prefix, loop); });
  return matches;
}

TEST_CASE("a key has the prefixes that it begins with") {
  PrefixTable table;
  table.add("user:", {0, false, 1});
  table.add("us", {0, false, 1});
  table.add("u", {0, false, 1});
  table.add("item:", {0, false, 1});
  CHECK(table.size() == 4);
  CHECK(match(table, "user:1") == Matches{{"u", 0}, {"us", 0}, {"user:", 0}});
  CHECK(match(table, "user:") == Matches{{"u", 0}, {"us", 0}, {"user:", 0}});
  CHECK(match(table, "use") == Matches{{"u", 0}, {"us", 0}});
  CHECK(match(table, "x").empty());
  CHECK(match(table, "").empty());
}

TEST_CASE("the empty prefix is that of every key") {
  PrefixTable table;
  table.add("", {0, false, 1});
  CHECK(match(table, "") == Matches{{"", 0}});
  CHECK(match(table, "x") == Matches{{"", 0}});
}

TEST_CASE("each loop is told once, and knows its own trackers") {
  PrefixTable table;
  table.add("a", {1, false, 10});
  table.add("a", {0, false, 11});
  table.add("a", {1, true, 12});
  table.add("a", {1, false, 10});
  CHECK(match(table, "abc") == Matches{{"a", 0}, {"a", 1}});
  CHECK(table.trackers("a", 0) == std::vector<Tracker>{{0, false, 11}});
  CHECK(table.trackers("a", 1) == std::vector<Tracker>{{1, false, 10}, {1, true, 12}});
  CHECK(table.trackers("a", 2).empty());
  CHECK(table.trackers("b", 0).empty());
}

TEST_CASE("a prefix goes with its last tracker") {
  PrefixTable table;
  table.add("ab", {0, false, 1});
  table.add("ab", {0, false, 2});
  table.add("cd", {0, false, 1});
  table.remove("ab", {0, false, 3});
  table.remove("xy", {0, false, 1});
  table.remove("ab", {0, false, 1});
  CHECK(match(table, "abc") == Matches{{"ab", 0}});
  table.remove("ab", {0, false, 2});
  CHECK(table.size() == 1);
  CHECK(match(table, "abc").empty());
  // Another one of the same length is found still.
  CHECK(match(table, "cde") == Matches{{"cd", 0}});
}

}  // namespace
}  // namespace starling::server
