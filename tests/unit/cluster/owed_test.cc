// What a coordinator owes: the difference between what began before a mark and what began after it.
#include <doctest/doctest.h>

#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {
namespace {

PartitionSet owed(const Bench& bench, uint64_t mark) {
  PartitionSet set;
  bench.coordinator.add_owed(mark, &set);
  return set;
}

const PartitionSet kFirst = PartitionSet().set(0);

}  // namespace

TEST_CASE("owed: a write of before the mark until all have answered, one of after it never") {
  Bench bench;
  bench.coordinator.obligations().mark(1);
  REQUIRE(bench.join(1));
  CHECK_MESSAGE(owed(bench, 2) == kFirst, "it has not left yet");
  bench.coordinator.flush(0);
  bench.coordinator.obligations().mark(2);
  CHECK(owed(bench, 2) == kFirst);
  CHECK_MESSAGE(owed(bench, 1).none(), "it is later than that one");
  // The partition is never at rest from here on.
  REQUIRE(bench.join(2));
  bench.coordinator.flush(0);
  bench.answer(0, kStored);
  CHECK(owed(bench, 2) == kFirst);
  bench.answer(1, kStored);
  CHECK(bench.coordinator.writing(0));
  CHECK(owed(bench, 2).none());
  bench.coordinator.obligations().mark(3);
  CHECK(owed(bench, 3) == kFirst);
}

TEST_CASE("owed: a write without a batch, and one that was given up") {
  Bench bench;
  bench.write();
  bench.coordinator.obligations().mark(1);
  CHECK(owed(bench, 1) == kFirst);
  bench.coordinator.peer_lost(bench.replica(1));
  bench.coordinator.peer_lost(bench.replica(2));
  bench.coordinator.tick(2'000'000);
  CHECK(owed(bench, 1).none());
}

TEST_CASE("owed: what only passes through here, at the mark or since") {
  Bench bench;
  uint16_t foreign = 0;
  while (bench.placement->stores(foreign, bench.placement->self)) ++foreign;
  std::string changes;
  append_change({0, ChangeForm::kRecord, "k", "record"}, &changes);
  bench.coordinator.obligations().mark(1);
  bench.coordinator.begin_write(foreign, changes, {}, 0, 0, 1);
  CHECK(owed(bench, 1) == PartitionSet().set(foreign));
  for (size_t i = 0; i < bench.sent.size(); ++i) bench.answer(i, kStored);
  CHECK_FALSE(bench.coordinator.writing(foreign));
  CHECK_MESSAGE(owed(bench, 1) == PartitionSet().set(foreign), "others may have what it was, or nobody");
  CHECK(owed(bench, 2).none());
}

TEST_CASE("owed: an attempt, until its outcome is stored here") {
  Bench bench;
  std::string changes;
  append_change({0, ChangeForm::kIf, "k", condition_body({"", "", "state"})}, &changes);
  bench.coordinator.obligations().mark(1);
  bench.coordinator.begin_attempt(0, changes, {}, 0, 0, 1);
  CHECK(owed(bench, 1) == kFirst);
  for (size_t i = 0; i < bench.sent.size(); ++i) bench.answer(i, kStored);
  CHECK_FALSE(bench.coordinator.writing(0));
  CHECK(owed(bench, 1) == kFirst);
}

}  // namespace starling::cluster
