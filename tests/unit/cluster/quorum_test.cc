#include "cluster/data/quorum.h"

#include <doctest/doctest.h>

#include <vector>

namespace starling::cluster {
namespace {

Tally tally(std::string_view level, std::vector<uint8_t> datacenters, uint8_t own = 0) {
  return Tally(*Consistency::parse(level), datacenters, own);
}

}  // namespace

TEST_CASE("consistency levels read back as they are written") {
  for (const std::string_view text : {"ONE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "1", "255"}) {
    REQUIRE(Consistency::parse(text));
    CHECK(Consistency::parse(text)->to_string() == text);
  }
  CHECK(Consistency::parse("quorum") == Consistency{Level::kQuorum, 0});
  for (const std::string_view text : {"", "0", "256", "-1", "2x", "TWO", "QUORUMS", "QUORU"}) {
    CHECK_FALSE(Consistency::parse(text));
  }
}

TEST_CASE("a quorum is a majority, and is given up when it cannot come any more") {
  Tally t = tally("QUORUM", {0, 0, 0});
  CHECK(t.needed() == 2);
  t.acknowledge(0);
  t.acknowledge(0);
  CHECK_FALSE(t.reached());
  t.fail(1);
  CHECK_FALSE(t.impossible());
  SUBCASE("reached") {
    t.acknowledge(2);
    CHECK(t.reached());
    CHECK_FALSE(t.impossible());
  }
  SUBCASE("given up") {
    t.fail(2);
    CHECK(t.impossible());
    t.acknowledge(2);
    CHECK_MESSAGE(t.impossible(), "the first word on a replica counts");
    CHECK(t.acknowledged() == 1);
  }
}

TEST_CASE("numbers, one and all") {
  CHECK(tally("2", {0, 0, 0}).needed() == 2);
  CHECK(tally("ONE", {0, 0, 0}).needed() == 1);
  CHECK(tally("ALL", {0, 0, 0}).needed() == 3);
  CHECK(tally("QUORUM", {0, 0}).needed() == 2);
  CHECK(tally("QUORUM", {0}).needed() == 1);
  CHECK_MESSAGE(tally("4", {0, 0, 0}).impossible(), "more than there are");
}

TEST_CASE("data centres count for themselves") {
  Tally local = tally("LOCAL_QUORUM", {0, 0, 0, 1, 1, 1}, 1);
  CHECK(local.needed() == 2);
  for (size_t i = 0; i < 3; ++i) local.acknowledge(i);
  CHECK_FALSE(local.reached());
  local.acknowledge(3);
  local.acknowledge(5);
  CHECK(local.reached());

  Tally each = tally("EACH_QUORUM", {0, 1, 0, 1, 0, 1});
  CHECK(each.needed() == 4);
  for (const size_t i : {0, 2, 4, 1}) each.acknowledge(i);
  CHECK_FALSE(each.reached());
  each.fail(3);
  CHECK_FALSE(each.impossible());
  each.fail(5);
  CHECK(each.impossible());
}

TEST_CASE("a local quorum where the coordinator's data centre holds no replica cannot be reached") {
  CHECK(tally("LOCAL_QUORUM", {0, 0, 0}, 7).impossible());
}

}  // namespace starling::cluster
