#include "cluster/repair/version_index.h"

#include <doctest/doctest.h>

namespace starling::cluster {
namespace {

engine::VersionTally tally(uint64_t sum) {
  engine::VersionTally tally;
  tally.sum = sum;
  return tally;
}

PartitionSet all() {
  return PartitionSet().set();
}

TEST_CASE("version index: all is in doubt until it is computed") {
  VersionIndex index;
  CHECK(index.figures().in_doubt == engine::kPartitionCount);
  CHECK_FALSE(index.known(7));
  index.set(7, tally(42), 0);
  CHECK(index.known(7));
  CHECK(index.sum(7) == 42);
  CHECK(index.figures().in_doubt == engine::kPartitionCount - 1);
  PartitionSet few;
  few.set(3).set(7).set(16383);
  CHECK(index.in_doubt(few) == std::vector<uint16_t>{3, 16383});
}

TEST_CASE("version index: a change puts a partition in doubt, whenever it came") {
  VersionIndex index;
  index.set(5, tally(1), 0);
  index.observe(5, 1);
  CHECK_FALSE(index.known(5));
  CHECK(index.sum(5) == 1);

  // The scan began at count 1; by the time it is done the count is 2.
  index.observe(5, 2);
  index.set(5, tally(10), 1);
  CHECK_FALSE(index.known(5));
  // And the other way round: the change is seen only after the sum was set.
  index.set(5, tally(11), 2);
  CHECK(index.known(5));
  index.forget(5);
  CHECK_FALSE(index.known(5));
  CHECK(index.sum(5) == 11);
}

TEST_CASE("version index: group sums are over the partitions that are asked about") {
  VersionIndex index;
  index.set(0, tally(5), 0);
  index.set(1, tally(~uint64_t{0}), 0);
  index.set(127, tally(3), 0);
  index.set(128, tally(100), 0);
  index.set(16383, tally(8), 0);
  GroupSums sums = index.group_sums(all());
  CHECK(sums[0] == 7);  // Modulo 2^64.
  CHECK(sums[1] == 100);
  CHECK(sums[2] == 0);
  CHECK(sums[127] == 8);
  PartitionSet others = all();
  others.reset(1);
  sums = index.group_sums(others);
  CHECK(sums[0] == 8);
  const PartitionSums parts = index.partition_sums(0, others);
  CHECK(parts[0] == 5);
  CHECK(parts[1] == 0);
  CHECK(parts[127] == 3);
  CHECK(index.partition_sums(127, others)[127] == 8);
}

TEST_CASE("version index: what is known of all partitions together") {
  VersionIndex index;
  engine::VersionTally some, others;
  for (const size_t siblings : {0, 1, 2, 2, 3, 4, 5, 8, 9, 1000})
    engine::count_siblings(siblings, &some.siblings);
  engine::count_siblings(2, &others.siblings);
  some.ripe = 70;
  some.guards = 2;
  others.ripe = 50;
  others.guards = 1;
  index.set(3, some, 1);
  index.set(16383, others, 1);
  CHECK(index.figures().siblings == SiblingCounts{3, 2, 2, 2});
  CHECK(index.figures().ripe == 50);
  CHECK(index.figures().guards == 3);
  CHECK(index.guarded() == PartitionSet().set(3).set(16383));
  index.set(3, tally(2), 2);
  index.set(16383, tally(2), 2);
  CHECK(index.figures().siblings == SiblingCounts{});
  CHECK(index.figures().ripe == engine::kNeverRipe);
  CHECK(index.guarded().none());
}

TEST_CASE("version index: what is written to all the time is listed by turns") {
  VersionIndex index;
  index.begin_comparison();
  CHECK_FALSE(index.restless(9));
  int turns = 0;
  for (uint32_t round = 1; round <= VersionIndex::kTurns; ++round) {
    index.begin_round();
    index.begin_comparison();
    CHECK_FALSE(index.restless(9));
    index.observe(9, round);
    turns += !index.restless(9);
    CHECK_FALSE(index.restless(10));
  }
  CHECK(turns == 1);
}

}  // namespace
}  // namespace starling::cluster
