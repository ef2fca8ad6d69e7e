#include "cluster/data/ordered_changes.h"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/base/byte_codec.h"
#include "tests/unit/cluster/coordinator_bench.h"

namespace starling::cluster {
namespace {

constexpr uint16_t kPartition = 7;

HandedChange handed(size_t origin, uint64_t token, uint16_t partition = kPartition) {
  return {origin, token, partition, {}, 0, {}};
}

}  // namespace

TEST_CASE("who has a partition's changes under way ships all further ones") {
  OrderedChanges order(3);
  CHECK_FALSE(order.under_way(kPartition));
  REQUIRE(order.begin(kPartition, 1));
  CHECK(order.under_way(kPartition));
  CHECK(order.begin(kPartition, 1));
  REQUIRE_FALSE(order.begin(kPartition, 2));
  bool first = false;
  CHECK(order.hand_over(handed(2, 20), &first) == 1);
  CHECK(first);
  REQUIRE_FALSE(order.begin(kPartition, 0));
  CHECK(order.hand_over(handed(0, 21), &first) == 1);
  CHECK_FALSE(first);
  // Its own next one was made after those.
  REQUIRE_FALSE(order.begin(kPartition, 1));
  CHECK(order.hand_over(handed(1, 22), &first) == 1);
  CHECK_MESSAGE(order.begin(kPartition + 1, 0), "another partition is another matter");
  std::vector<uint64_t> tokens;
  for (const HandedChange& change : order.take(1)) tokens.push_back(change.token);
  CHECK(tokens == std::vector<uint64_t>{20, 21, 22});
  CHECK(order.take(1).empty());
  CHECK(order.begin(kPartition, 1));
}

TEST_CASE("what is handed over is counted in bytes until it is taken") {
  OrderedChanges order(2);
  REQUIRE(order.begin(kPartition, 0));
  bool first = false;
  for (const char* bytes : {"four", "eight888"}) {
    REQUIRE_FALSE(order.begin(kPartition, 1));
    HandedChange change = handed(1, 1);
    change.change = bytes;
    (void)order.hand_over(std::move(change), &first);
  }
  CHECK(order.bytes() == 12);
  CHECK(order.take(0).size() == 2);
  CHECK(order.bytes() == 0);
}

TEST_CASE("once nothing is under way any more, the next loop ships") {
  OrderedChanges order(2);
  REQUIRE(order.begin(kPartition, 0));
  REQUIRE(order.begin(kPartition, 0));
  order.end(kPartition);
  CHECK_FALSE(order.begin(kPartition, 1));
  order.end(kPartition);
  order.end(kPartition);
  CHECK_FALSE(order.under_way(kPartition));
  CHECK(order.begin(kPartition, 1));
}

TEST_CASE("what a loop was handed and has not taken can be told by partition") {
  OrderedChanges order(2);
  REQUIRE(order.begin(kPartition, 0));
  const auto handed_to = [&](size_t loop) {
    PartitionSet partitions;
    order.add_handed(loop, &partitions);
    return partitions;
  };
  CHECK_MESSAGE(handed_to(0).none(), "it ships that itself");
  REQUIRE_FALSE(order.begin(kPartition, 1));
  bool first = false;
  (void)order.hand_over(handed(1, 1), &first);
  CHECK(handed_to(0) == PartitionSet().set(kPartition));
  CHECK(handed_to(1).none());
  (void)order.take(0);
  CHECK(handed_to(0).none());
}

TEST_CASE("changes of several loops leave in the order in which they were made") {
  constexpr size_t kLoops = 3;
  constexpr uint64_t kEach = 20'000;
  OrderedChanges order(kLoops);
  std::mutex key;          // Guards what follows, as a stripe's lock does.
  uint64_t last_made = 0;  // Changes are numbered as they are made,
  std::mutex wire;
  std::vector<uint64_t> left;  // and leave in some order.
  const auto ship = [&](uint64_t number) {
    {
      std::lock_guard lock(wire);
      left.push_back(number);
    }
    order.end(kPartition);
  };
  std::atomic<size_t> makers{kLoops};
  const auto run = [&](size_t self) {
    for (uint64_t i = 0; i < kEach; ++i) {
      uint64_t own = 0;
      {
        std::lock_guard lock(key);
        const uint64_t number = ++last_made;
        bool first;
        if (order.begin(kPartition, self)) {
          own = number;
        } else {
          order.hand_over(handed(self, number), &first);
        }
      }
      if (own != 0) ship(own);
      if (i % 3 == 0) {
        for (const HandedChange& change : order.take(self)) ship(change.token);
      }
    }
    --makers;
    do {
      for (const HandedChange& change : order.take(self)) ship(change.token);
      std::this_thread::yield();
    } while (makers != 0 || order.any(self));
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kLoops; ++i) threads.emplace_back(run, i);
  for (std::thread& thread : threads) thread.join();
  REQUIRE(left.size() == kLoops * kEach);
  CHECK(std::is_sorted(left.begin(), left.end()));
  CHECK_FALSE(order.under_way(kPartition));
}

TEST_CASE("a coordinator ends what it ships: stored, out of time, or with a placement that is another") {
  OrderedChanges order(1);
  Bench bench(3, 3, &order);
  std::string changes;
  append_change({0, ChangeForm::kDelta, "k", "delta"}, &changes);
  const auto join = [&] {
    REQUIRE(order.begin(0, 0));
    const uint64_t batch = bench.coordinator.batch_for(0, {}, 0, true);
    REQUIRE(batch != 0);
    bench.coordinator.join(batch, 0, 1, 1) += changes;
    bench.coordinator.flush(0);
  };
  SUBCASE("every replica has answered, not only W") {
    join();
    bench.answer(0, kStored);
    CHECK(order.under_way(0));
    bench.answer(1, kStored);
  }
  SUBCASE("by itself, to nobody") {
    REQUIRE(order.begin(0, 0));
    bench.sick = {bench.replica(1), bench.replica(2)};
    bench.coordinator.begin_write(0, changes, {}, 0, 0, 1, 1);
  }
  SUBCASE("time is up") {
    join();
    bench.coordinator.tick(2'000'000);
  }
  SUBCASE("answered under another placement") {
    join();
    bench.coordinator.set_placement(bench.placement);
    CHECK(order.under_way(0));
    bench.answer(0, kStored);
    bench.answer(1, kStored);
  }
  CHECK_FALSE(order.under_way(0));
}

TEST_CASE("changes with other options do not overtake what they build on") {
  OrderedChanges order(1);
  Bench bench(3, 3, &order);
  QuorumOptions all;
  all.write = {Level::kAll, 0};
  const auto join = [&](const char* key, const QuorumOptions& options) {
    REQUIRE(order.begin(0, 0));
    std::string change;
    append_change({0, ChangeForm::kDelta, key, "delta"}, &change);
    const uint64_t batch = bench.coordinator.batch_for(0, options, 0, true);
    bench.coordinator.join(batch, 0, 1, 1) += change;
  };
  join("first", {});
  join("second", all);
  join("third", {});
  bench.coordinator.flush(0);
  std::vector<std::string> arrived;
  for (const Bench::Sent& sent : bench.sent) {
    if (sent.node != bench.replica(1)) continue;
    MessageReader reader(sent.payload);
    Epoch epoch;
    Change change;
    REQUIRE(reader.read_epoch(&epoch));
    while (!reader.at_end() && reader.read_change(&change)) arrived.emplace_back(change.key);
  }
  CHECK(arrived == std::vector<std::string>{"first", "second", "third"});
}

}  // namespace starling::cluster
