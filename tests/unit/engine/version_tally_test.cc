// The tallies that follow every change against scans of everything. Merges of three nodes, settling and
// removal are in convergence_test.cc, which checks the same.
#include "engine/memory/version_tally.h"

#include "tests/unit/engine/replicated_run.h"
#include "tests/unit/engine/tally_check.h"

namespace starling::engine {
namespace {

void set(TestNode& node, const std::string& name, int index = 0) {
  node.with(index, name,
            [&](Database& database, const Key& key) { database.put_string(key, "v", kNoDeadline); });
}

void remove(TestNode& node, const std::string& name) {
  node.with(name, [](Database& database, const Key& key) { database.remove(key); });
}

// Of keys in one partition.
std::vector<std::string> crowd(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("{crowd}" + std::to_string(i));
  return names;
}

}  // namespace

TEST_CASE("version tally: random changes, merges, restarts, checkpoints and evictions") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    ReplicatedRun run(seed);
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i) names.push_back("key:" + std::to_string(i));
    names.push_back("{tag}0");
    const std::set<uint16_t> partitions = partitions_of(names);
    const auto some_partition = [&] {
      return *std::next(partitions.begin(), static_cast<long>(run.below(partitions.size())));
    };
    size_t followed = 0;
    for (int step = 0; step < 600; ++step) {
      CAPTURE(step);
      run.step();
      const uint64_t event = run.below(100);
      // Changes come before, behind and between the stretches of a scan.
      bool forward;
      if (event < 40) REQUIRE(advance_tally(run.node().engine(), some_partition(), 1, &forward).ok());
      if (event >= 40 && event < 45) REQUIRE(run.node().engine().checkpoint().ok());
      if (event >= 45 && event < 48) run.node().evict_everything();
      if (event == 48) {
        REQUIRE(run.node().engine().commit().ok());
        run.node().crash();
      }
      if (event == 49) run.node().restart_cleanly();
      if (event >= 50 && event < 60) run.node().clock.now_ms += static_cast<int64_t>(run.below(800));
      if (event == 60) doubt_tally(run.node().engine(), some_partition());
      for (const uint16_t partition : partitions) followed += check_tally(run.node(), partition);
    }
    CHECK(followed > 1000);
  }
}

TEST_CASE("version tally: changes behind, in and before the stretch that is scanned") {
  for (const uint64_t limit : {1, 3, 7}) {
    TestNode node(1, true, true);
    const std::vector<std::string> names = crowd(40);
    const uint16_t partition = partition_of(names[0]);
    for (size_t i = 0; i < names.size(); i += 2) set(node, names[i], static_cast<int>(i % 3));
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_some();
    SeededRandom random(limit);
    bool forward = true;
    for (int stretches = 0; forward; ++stretches) {
      REQUIRE(stretches < 1000);
      REQUIRE(advance_tally(node.engine(), partition, limit, &forward).ok());
      const std::string& name = names[random.below(names.size())];
      random.below(3) == 0 ? remove(node, name) : set(node, name, static_cast<int>(random.below(3)));
    }
    CHECK(check_tally(node, partition));
  }
}

TEST_CASE("version tally: a stretch in which something changed does not count") {
  VersionTallies tallies;
  tallies.enable();
  VersionTally found;
  found.sum = 5;
  VersionTallies::Scan scan = tallies.begin(7);
  tallies.doubt(7);
  CHECK_FALSE(tallies.extend(7, scan, found, 100));
  scan = tallies.begin(7);
  CHECK(tallies.extend(7, scan, found, 100));
  CHECK_FALSE(tallies.extend(7, scan, found, 200));  // Of another scan.
  CHECK_FALSE(tallies.known(7));
  CHECK(tallies.extend(7, tallies.begin(7), found, VersionTallies::kEnd));
  CHECK(tallies.known(7));
  CHECK(tallies.of(7).sum == 10);
}

TEST_CASE("version tally: what flushing and swapping change is found out anew") {
  TestNode node(1, true, true);
  const std::string name = "k";
  const uint16_t partition = partition_of(name);
  const auto with_all = [&](auto&& work) {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    work(operation);
    (void)operation.finish();
  };
  set(node, name);
  learn_tally(node, partition);
  const uint64_t sum = tally_of(node.engine(), partition).tally.sum;
  CHECK(sum != 0);
  with_all([](Operation& operation) { operation.swap_databases(0, 5); });
  CHECK_FALSE(tally_of(node.engine(), partition).known);
  learn_tally(node, partition);
  CHECK(check_tally(node, partition));
  CHECK(tally_of(node.engine(), partition).tally.sum != sum);
  set(node, name);
  CHECK(check_tally(node, partition));
  with_all([](Operation& operation) { operation.flush_database(5); });
  CHECK_FALSE(tally_of(node.engine(), partition).known);
  learn_tally(node, partition);
  CHECK(check_tally(node, partition));
  with_all([](Operation& operation) { operation.flush_all(); });
  learn_tally(node, partition);
  CHECK(tally_of(node.engine(), partition).tally == VersionTally());
}

TEST_CASE("version tally: settled and forgotten records, and the clean stop in between") {
  TestNode node(1, true, true);
  const std::vector<std::string> names = crowd(6);
  const uint16_t partition = partition_of(names[0]);
  for (const std::string& name : names) set(node, name);
  remove(node, names[0]);
  remove(node, names[1]);
  learn_tally(node, partition);
  const Stamp first = tally_of(node.engine(), partition).tally.ripe;
  CHECK(first != kNeverRipe);
  // Made again: the least ripe stamp is another one, but which, only a scan tells.
  set(node, names[0]);
  CHECK_FALSE(tally_of(node.engine(), partition).tally.ripe_exact);
  CHECK(check_tally(node, partition));

  node.clock.now_ms += 10;
  const Stamp early = first - 1, late = promise_stamp(node.engine(), node.clock.now_ms).stamp;
  const auto settle_up_to = [&](Stamp stamp) {
    return settle(node.engine(), partition, stamp, change_count(node.engine(), partition), node.clock.now_ms);
  };
  REQUIRE(settle_up_to(early));
  CHECK(check_tally(node, partition));  // Nothing went, nothing is in doubt.
  REQUIRE(settle_up_to(late));
  CHECK_FALSE(tally_of(node.engine(), partition).known);
  learn_tally(node, partition);
  uint64_t cursor = 0, reaped = 0;
  REQUIRE(reap(node.engine(), partition, &cursor, 100, node.clock.now_ms, &reaped).ok());
  CHECK(reaped == 1);
  CHECK(check_tally(node, partition));
  CHECK(tally_of(node.engine(), partition).tally.ripe == kNeverRipe);

  const VersionTally before = tally_of(node.engine(), partition).tally;
  node.restart_cleanly();
  CHECK_FALSE(tally_of(node.engine(), partition).known);
  set_tally(node.engine(), partition, before);
  CHECK(check_tally(node, partition));
  set(node, names[3]);
  remove(node, names[4]);
  CHECK(check_tally(node, partition));
}

TEST_CASE("version tally: a guard that another node's word leaves is counted until it goes") {
  TestNode a(1000, true, true), b(2000, true, true);
  set(a, "k");
  remove(a, "k");
  const uint16_t partition = partition_of("k");
  const auto bring = [](TestNode& from, TestNode& to) {
    const std::string state = state_of(from, "k");
    to.with_operation("k", 0, [&](Operation& operation, const Key& key) {
      (void)Replica(operation, 0).merge_state(key, state);
    });
  };
  bring(a, b);
  for (TestNode* node : {&a, &b}) {
    node->clock.now_ms += 10;
    learn_tally(*node, partition);
  }
  const auto settle_and_reap = [&](TestNode& node, Stamp stamp) {
    REQUIRE(
        settle(node.engine(), partition, stamp, change_count(node.engine(), partition), node.clock.now_ms));
    uint64_t cursor = 0, reaped = 0;
    REQUIRE(reap(node.engine(), partition, &cursor, 100, node.clock.now_ms, &reaped).ok());
    learn_tally(node, partition);
    return reaped;
  };
  const Stamp stamp = promise_stamp(a.engine(), a.clock.now_ms).stamp;
  CHECK(settle_and_reap(a, stamp) == 1);
  bring(a, b);
  CHECK(check_tally(b, partition));
  CHECK(tally_of(b.engine(), partition).tally.guards == 1);
  CHECK(tally_of(b.engine(), partition).tally.sum == tally_of(a.engine(), partition).tally.sum);
  CHECK(settle_and_reap(b, stamp) == 1);
  CHECK(tally_of(b.engine(), partition).tally == VersionTally());
}

TEST_CASE(
    "version tally: a tombstone that was settled and not removed yet is counted, so that it goes later") {
  TestNode node(1000, true, true);
  set(node, "k");
  remove(node, "k");
  const uint16_t partition = partition_of("k");
  node.clock.now_ms += 10;
  const Stamp stamp = promise_stamp(node.engine(), node.clock.now_ms).stamp;
  REQUIRE(settle(node.engine(), partition, stamp, change_count(node.engine(), partition), node.clock.now_ms));
  REQUIRE(node.engine().commit().ok());
  node.crash();  // Its removal was not logged.
  REQUIRE(settled_up_to(node.engine(), partition) == stamp);
  learn_tally(node, partition);
  CHECK(check_tally(node, partition));
  CHECK(tally_of(node.engine(), partition).tally.guards == 1);
  CHECK(tally_of(node.engine(), partition).tally.sum == 0);
  uint64_t cursor = 0, reaped = 0;
  REQUIRE(reap(node.engine(), partition, &cursor, 100, node.clock.now_ms, &reaped).ok());
  CHECK(reaped == 1);
  CHECK(tally_of(node.engine(), partition).tally == VersionTally());
}

TEST_CASE("version tally: a node by itself keeps none") {
  TestNode node(1);
  set(node, "k");
  CHECK_FALSE(node.engine().core().keyspace.tallies.enabled());
}

}  // namespace starling::engine
