#include "cluster/version_index.h"

#include <doctest/doctest.h>

namespace starling::cluster {
namespace {

PartitionSet all() {
  return PartitionSet().set();
}

TEST_CASE("version index: all is in doubt until it is computed") {
  VersionIndex index;
  CHECK(index.count_in_doubt() == engine::kPartitionCount);
  CHECK_FALSE(index.known(7));
  index.set(7, 42, 0);
  CHECK(index.known(7));
  CHECK(index.sum(7) == 42);
  CHECK(index.count_in_doubt() == engine::kPartitionCount - 1);
  PartitionSet few;
  few.set(3).set(7).set(16383);
  CHECK(index.in_doubt(few) == std::vector<uint16_t>{3, 16383});
}

TEST_CASE("version index: a change puts a partition in doubt, whenever it came") {
  VersionIndex index;
  index.set(5, 1, 0);
  index.observe(5, 1);
  CHECK_FALSE(index.known(5));
  CHECK(index.sum(5) == 1);

  // The scan began at count 1; by the time it is done the count is 2.
  index.observe(5, 2);
  index.set(5, 10, 1);
  CHECK_FALSE(index.known(5));
  // And the other way round: the change is seen only after the sum was set.
  index.set(5, 11, 2);
  CHECK(index.known(5));
  index.observe([](uint16_t partition) { return partition == 5 ? 3u : 0u; });
  CHECK_FALSE(index.known(5));
}

TEST_CASE("version index: group sums are over the partitions that are asked about") {
  VersionIndex index;
  index.set(0, 5, 0);
  index.set(1, ~uint64_t{0}, 0);
  index.set(127, 3, 0);
  index.set(128, 100, 0);
  index.set(16383, 8, 0);
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

TEST_CASE("version index: keys with siblings, over all partitions, as of the last look at each") {
  VersionIndex index;
  SiblingCounts some{}, others{};
  for (const size_t siblings : {0, 1, 2, 2, 3, 4, 5, 8, 9, 1000}) count_siblings(siblings, &some);
  count_siblings(2, &others);
  index.set(3, 1, 1, engine::kNeverRipe, some);
  index.set(16383, 1, 1, engine::kNeverRipe, others);
  CHECK(index.siblings() == SiblingCounts{3, 2, 2, 2});
  index.set(3, 2, 2);
  CHECK(index.siblings() == SiblingCounts{1, 0, 0, 0});
}

TEST_CASE("version index: partitions that are written to all the time come by turns") {
  VersionIndex index;
  const PartitionSet among = all();
  // Nothing changes: all of them at once, though none is known yet.
  CHECK(index.choose(among).count() == engine::kPartitionCount);
  int chosen = 0;
  for (uint32_t round = 1; round <= VersionIndex::kTurns; ++round) {
    index.observe(9, round);
    const PartitionSet picked = index.choose(among);
    CHECK(picked.count() >= engine::kPartitionCount - 1);
    chosen += picked[9];
  }
  CHECK(chosen == 1);
  // Changed, but computed since: nothing speaks against it.
  index.observe(9, 1000);
  index.set(9, 1, 1000);
  CHECK(index.choose(among)[9]);
  // Quiet again, though in doubt.
  index.observe(9, 1001);
  (void)index.choose(among);
  CHECK(index.choose(among)[9]);
  CHECK(index.choose(PartitionSet().set(4)).count() == 1);
}

}  // namespace
}  // namespace starling::cluster
