#include "engine/record/version_vector.h"

#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "tests/unit/engine/histories.h"

namespace starling::engine {
namespace {

// The servers of the Dynamo paper's figure 3.
constexpr ActorId kSx = 1, kSy = 2, kSz = 3;

TEST_CASE("the versions D1 to D5 of the Dynamo paper") {
  const VersionVector d1 = {{1, kSx}};
  const VersionVector d2 = {{2, kSx}};
  const VersionVector d3 = {{2, kSx}, {1, kSy}};
  const VersionVector d4 = {{2, kSx}, {1, kSz}};
  const VersionVector d5 = {{3, kSx}, {1, kSy}, {1, kSz}};

  CHECK(d1.compare(d2) == Order::kBefore);
  CHECK(d2.compare(d3) == Order::kBefore);
  CHECK(d2.compare(d4) == Order::kBefore);
  CHECK(d3.compare(d4) == Order::kConcurrent);
  CHECK(d4.compare(d3) == Order::kConcurrent);
  CHECK(d5.compare(d3) == Order::kAfter);
  CHECK(d5.compare(d4) == Order::kAfter);
  CHECK(d1.compare(d5) == Order::kBefore);

  // Sx reconciles: what it read, and one event of its own.
  VersionVector reconciled = d3;
  reconciled.join(d4);
  CHECK(reconciled.compare(d5) == Order::kBefore);
  reconciled.add({3, kSx});
  CHECK(reconciled == d5);
}

TEST_CASE("comparison has all four outcomes") {
  const VersionVector none;
  const VersionVector a = {{5, 1}};
  const VersionVector b = {{5, 2}};
  CHECK(none.compare(none) == Order::kEqual);
  CHECK(none.compare(a) == Order::kBefore);
  CHECK(a.compare(none) == Order::kAfter);
  CHECK(a.compare(a) == Order::kEqual);
  CHECK(a.compare(b) == Order::kConcurrent);
  const VersionVector ahead_and_behind = {{4, 1}, {6, 2}};
  CHECK(ahead_and_behind.compare(a) == Order::kConcurrent);
  CHECK(ahead_and_behind.compare(b) == Order::kAfter);
}

TEST_CASE("an entry covers all of the actor's earlier events and no other actor's") {
  const VersionVector seen = {{5, 7}};
  CHECK(seen.covers(Dot{5, 7}));
  CHECK(seen.covers(Dot{1, 7}));
  CHECK_FALSE(seen.covers(Dot{6, 7}));
  CHECK_FALSE(seen.covers(Dot{1, 8}));
  CHECK(seen.stamp_of(7) == 5);
  CHECK(seen.stamp_of(8) == 0);
}

TEST_CASE("adding an older event changes nothing") {
  VersionVector seen = {{5, 7}};
  seen.add({3, 7});
  CHECK(seen.stamp_of(7) == 5);
  CHECK(seen.size() == 1);
}

TEST_CASE("join and covers agree with maps") {
  const uint64_t seed = testing::test_seed();
  INFO("STARLING_SEED=" << seed);
  testing::SeededRandom random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::map<ActorId, Stamp> maps[2];
    VersionVector vectors[2];
    for (int side = 0; side < 2; ++side) {
      for (uint64_t n = random.below(6); n > 0; --n) {
        const Dot dot{1 + random.below(4), 1 + random.below(5)};
        maps[side][dot.actor] = std::max(maps[side][dot.actor], dot.stamp);
        vectors[side].add(dot);
      }
    }
    bool covers = true;
    std::map<ActorId, Stamp> joined = maps[0];
    for (const auto& [actor, stamp] : maps[1]) {
      covers &= maps[0].contains(actor) && maps[0][actor] >= stamp;
      joined[actor] = std::max(joined[actor], stamp);
    }
    REQUIRE(vectors[0].covers(vectors[1]) == covers);
    vectors[0].join(vectors[1]);
    REQUIRE(vectors[0].size() == joined.size());
    auto expected = joined.begin();
    for (const auto& entry : vectors[0].entries()) {
      REQUIRE(entry.actor == expected->first);
      REQUIRE(entry.stamp == expected->second);
      ++expected;
    }
  }
}

TEST_CASE("pruning drops the oldest entries and spares the kept actors") {
  VersionVector seen = {{50, 1}, {10, 2}, {40, 3}, {20, 4}, {30, 5}};
  VersionVector pruned = seen;
  pruned.prune(5);
  CHECK(pruned == seen);
  pruned.prune(3);
  CHECK(pruned == VersionVector{{50, 1}, {40, 3}, {30, 5}});

  const ActorId keep[] = {2, 4};
  pruned = seen;
  pruned.prune(3, keep);
  CHECK(pruned == VersionVector{{50, 1}, {10, 2}, {20, 4}});
  pruned.prune(1, keep);
  CHECK(pruned == VersionVector{{10, 2}, {20, 4}});
  pruned.prune(0);
  CHECK(pruned.empty());
}

TEST_CASE("of equally old entries the smallest actor goes") {
  VersionVector seen = {{5, 3}, {5, 1}, {5, 2}};
  seen.prune(1);
  CHECK(seen == VersionVector{{5, 3}});
}

}  // namespace
}  // namespace starling::engine
