#include "server/execute/key_specification.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/execute/command_table.h"

namespace starling::server {
namespace {

using Words = std::vector<std::string_view>;

std::string range_of(const KeySpecifications& keys) {
  const KeyRange range = key_range(keys);
  return std::to_string(range.first) + " " + std::to_string(range.last) + " " + std::to_string(range.step);
}

TEST_CASE("a specification covers the positions that it finds") {
  const KeySpecification pairs = keys_from(1, kKeyOW, 2);
  CHECK(pairs.covers(1, 5));
  CHECK_FALSE(pairs.covers(2, 5));
  CHECK(pairs.covers(3, 5));
  CHECK_FALSE(pairs.covers(5, 5));
}

TEST_CASE("counted keys are as many as the argument before them says") {
  const KeySpecification counted = counted_keys(2, kKeyRO);
  const auto found = [&](const Words& arguments) {
    std::vector<int> positions;
    return counted.find(arguments, &positions) ? positions : std::vector<int>{-1};
  };
  CHECK(found({"eval", "x", "2", "a", "b", "c"}) == std::vector<int>{3, 4});
  CHECK(found({"eval", "x", "3", "a", "b", "c"}) == std::vector<int>{3, 4, 5});
  CHECK(found({"eval", "x", "0", "a"}).empty());
  CHECK(found({"eval", "x", "0"}).empty());
  for (const std::string_view number : {"4", "-1", "9223372036854775807", "-9223372036854775808", "two", ""})
    CHECK(found({"eval", "x", number, "a", "b", "c"}) == std::vector<int>{-1});
  CHECK(found({"eval", "x"}) == std::vector<int>{-1});
}

TEST_CASE("ranges are told as Redis tells them") {
  CHECK(range_of({}) == "0 0 0");
  CHECK(range_of(key_at(2, kKeyRO)) == "2 2 1");
  CHECK(range_of(keys_from(1, kKeyOW, 2)) == "1 -1 2");
  CHECK(range_of({{.use = kKeyRO, .first = 1, .last = 1}}) == "1 2 1");
  CHECK(range_of(counted_keys(1, kKeyRO)) == "0 0 0");
  CHECK(range_of({key_at(1, kKeyRW), key_at(2, kKeyRW)}) == "1 2 1");
  CHECK(range_of({key_at(2, kKeyOW), keys_from(3, kKeyRO)}) == "2 -1 1");
  // ZUNIONSTORE: what is counted is in no range.
  CHECK(range_of({key_at(1, kKeyOW), counted_keys(2, kKeyRO)}) == "1 1 1");
  // GEORADIUS: the others are elsewhere.
  CHECK(range_of({key_at(1, kKeyRO), key_at(6, kKeyOW)}) == "1 1 1");
}

TEST_CASE("what happens to a key can depend on the other arguments") {
  const CommandTable table(all_families());
  const auto use = [&](const Words& arguments) {
    return key_use_at(*table.find(arguments[0])->spec, arguments, 1);
  };
  CHECK(use({"set", "k", "v"}) == (kKeyOW | kKeyUpdate));
  CHECK(use({"set", "k", "v", "GET"}) == (kKeyRW | kKeyAccess | kKeyUpdate));
  CHECK(use({"bitfield", "k", "get", "u8", "0"}) == (kKeyRO | kKeyAccess));
  CHECK(use({"bitfield", "k", "IncrBy", "u8", "0", "1"}) == (kKeyRW | kKeyAccess | kKeyUpdate));
  CHECK(use({"mset", "k", "v"}) == (kKeyOW | kKeyUpdate));
}

TEST_CASE("each of several keys has its own use") {
  const CommandTable table(all_families());
  const CommandSpec& bitop = *table.find("bitop")->spec;
  const Words arguments = {"bitop", "and", "to", "a", "b"};
  CHECK(key_use_at(bitop, arguments, 2) == (kKeyOW | kKeyUpdate));
  CHECK(key_use_at(bitop, arguments, 3) == (kKeyRO | kKeyAccess));
  CHECK(key_use_at(bitop, arguments, 4) == (kKeyRO | kKeyAccess));
}

}  // namespace
}  // namespace starling::server
