#include "server/cluster/hint_keeper.h"

#include "cluster/wire/data_messages.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::server {
namespace {

cluster::NodeId node_id(uint8_t number) {
  cluster::NodeId id;
  id.bytes[0] = number;
  return id;
}

const cluster::NodeId kTarget = node_id(1);

struct Bench {
  Bench() : node(1, true, true), keeper(node.engine()) {}

  bool keep(const std::string& name, const cluster::NodeId& target = kTarget) {
    std::string keys;
    cluster::append_key({0, name}, &keys);
    return keeper.keep(target, keys, node.clock.now_ms);
  }
  void put(const std::string& name) {
    node.with(name, [](engine::Database& database, const engine::Key& key) {
      database.put_string(key, "value", engine::kNoDeadline);
    });
  }
  std::string version(const std::string& name) {
    std::string context;
    node.with_operation(name, 0, [&](engine::Operation& operation, const engine::Key& key) {
      (void)engine::Replica(operation, 0).append_version(key, &context);
    });
    return context;
  }
  void finish(const Hint& hint, HandedOver result, const cluster::NodeId& target = kTarget) {
    keeper.finish(
        target, hint, result, [this](uint16_t) { return replica; }, node.clock.now_ms);
  }
  std::vector<Hint> take(size_t count) { return keeper.take(kTarget, count, now_us); }

  engine::TestNode node;
  HintKeeper keeper;
  bool replica = true;  // Of everything.
  int64_t now_us = 1'000'000;
};

TEST_CASE("hint keeper: delivered ones go, others wait again") {
  Bench bench;
  for (const char* name : {"a", "b"}) CHECK(bench.keep(name));
  CHECK(bench.keeper.waiting(kTarget) == 2);
  const std::vector<Hint> hints = bench.take(10);
  REQUIRE(hints.size() == 2);
  bench.finish(hints[0], {true, 100, {}});
  bench.finish(hints[1], {});
  CHECK(bench.keeper.waiting(kTarget) == 1);
  const HintReport report = bench.keeper.report();
  CHECK(report.kept == 2);
  CHECK(report.delivered == 1);
  REQUIRE(report.targets.size() == 1);
  CHECK(report.targets[0].id == kTarget);
  CHECK(report.targets[0].delivered_bytes == 100);
  CHECK(report.targets[0].under_way == 0);
  CHECK(bench.take(10).size() == 1);
}

TEST_CASE("hint keeper: what a limit drops is counted, and its partition remembered until it was compared") {
  Bench bench;
  bench.keeper.set_limits({.max_bytes = 0});
  CHECK_FALSE(bench.keep("a"));
  CHECK(bench.keeper.report().dropped == 1);
  cluster::PartitionSet expected;
  expected.set(engine::partition_of("a"));
  CHECK(bench.keeper.partitions() == expected);
  bench.keeper.set_limits({});
  CHECK(bench.keep("b"));
  expected.set(engine::partition_of("b"));
  CHECK(bench.keeper.partitions() == expected);
  bench.keeper.compared(~cluster::PartitionSet());
  expected.reset(engine::partition_of("a"));
  CHECK(bench.keeper.partitions() == expected);
}

TEST_CASE("hint keeper: a replica's hints expire, a stand-in's do not") {
  Bench bench;
  bench.keeper.set_limits({.max_age_ms = 1000});
  CHECK(bench.keep("old"));
  bench.node.clock.now_ms += 900;
  CHECK(bench.keep("young"));
  bench.node.clock.now_ms += 200;
  CHECK_FALSE(bench.keeper.expire([](uint16_t) { return false; }, bench.node.clock.now_ms));
  CHECK(bench.keeper.waiting(kTarget) == 2);
  CHECK(bench.keeper.expire([](uint16_t) { return true; }, bench.node.clock.now_ms));
  CHECK(bench.keeper.waiting(kTarget) == 1);
  CHECK(bench.keeper.report().expired == 1);
  CHECK(bench.keeper.partitions().count() == 2);
}

TEST_CASE("hint keeper: bandwidth") {
  Bench bench;
  for (int i = 0; i < 2000; ++i) CHECK(bench.keep("key" + std::to_string(i)));
  bench.keeper.set_limits({.bytes_per_second = 100'000});
  uint64_t bytes = 0;
  const auto deliver = [&] {
    for (const Hint& hint : bench.take(500)) {
      bench.finish(hint, {true, 1000, {}});
      bytes += 1000;
    }
  };
  const int64_t began_us = bench.now_us;
  for (; bench.now_us < began_us + 10'000'000; bench.now_us += 20'000) deliver();
  CHECK(bytes >= 900'000);
  CHECK(bytes <= 1'100'000);
  // Nothing is saved up for long while nobody delivers.
  bench.now_us += 60'000'000;
  bytes = 0;
  deliver();
  CHECK(bytes <= 20'000);
  bench.keeper.set_limits({});
  deliver();
  CHECK(bytes >= 500'000);
}

TEST_CASE("hint keeper: what waits for a node that left goes to who holds the keys now") {
  Bench bench;
  const cluster::NodeId heir = node_id(2);
  for (const char* name : {"mine", "other"}) CHECK(bench.keep(name));
  const auto heir_of = [&](uint16_t partition) {
    return partition == engine::partition_of("mine") ? cluster::NodeId() : heir;
  };
  CHECK(bench.keeper.bequeath(kTarget, heir_of, bench.node.clock.now_ms));
  CHECK(bench.keeper.waiting(kTarget) == 0);
  CHECK(bench.keeper.waiting(heir) == 1);
  CHECK(bench.keeper.take(heir, 10, bench.now_us)[0].key == "other");
  CHECK_FALSE(bench.keeper.bequeath(kTarget, heir_of, bench.node.clock.now_ms));
}

TEST_CASE("hint keeper: a stand-in forgets the record with its last hint, a replica never") {
  Bench author, bench;
  bench.node.restart_cleanly();  // Another actor than the author.
  author.put("a");
  std::string state;
  author.node.with_operation("a", 0, [&](engine::Operation& operation, const engine::Key& key) {
    (void)engine::Replica(operation, 0).append_state(key, &state);
  });
  HintKeeper keeper(bench.node.engine());
  const auto finish = [&](const cluster::NodeId& target, bool replica) {
    const std::vector<Hint> hints = keeper.take(target, 1, 1);
    REQUIRE(hints.size() == 1);
    keeper.finish(
        target, hints[0], {true, state.size(), bench.version("a")}, [replica](uint16_t) { return replica; },
        bench.node.clock.now_ms);
  };
  bench.node.with_operation("a", 0, [&](engine::Operation& operation, const engine::Key& key) {
    REQUIRE(engine::Replica(operation, 0).merge_state(key, state) == engine::MergeOutcome::kApplied);
    for (const uint8_t number : {1, 2, 3})
      CHECK(operation.keep_hint({0, key}, hint_target(node_id(number))) == engine::HintOutcome::kKept);
  });
  finish(node_id(1), false);
  CHECK_FALSE(bench.version("a").empty());  // Others wait for it.
  finish(node_id(2), false);
  CHECK_FALSE(bench.version("a").empty());
  SUBCASE("replica") {
    finish(node_id(3), true);
    CHECK_FALSE(bench.version("a").empty());
    CHECK(keeper.report().forgotten == 0);
  }
  SUBCASE("stand-in") {
    finish(node_id(3), false);
    CHECK(bench.version("a").empty());
    CHECK(keeper.report().forgotten == 1);
  }
}

}  // namespace
}  // namespace starling::server
