// The whole engine against a model: random changes, checkpoints, evictions, crashes and restarts.
#include "engine/node/node_engine.h"

#include <chrono>
#include <thread>

#include "tests/unit/engine/random_run.h"

namespace starling::engine {

TEST_CASE("engine agrees with a model over random changes, checkpoints, evictions and crashes") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    RandomRun run(seed);
    for (int step = 0; step < 400; ++step) {
      run.change();
      const uint64_t event = run.below(100);
      if (event < 5) REQUIRE(run.node().engine().checkpoint().ok());
      if (event >= 5 && event < 8) run.node().evict_everything();
      if (event >= 8 && event < 10) {
        REQUIRE(run.node().engine().commit().ok());
        run.node().crash();
      }
      if (event == 10) run.node().restart_cleanly(run.below(2) == 0 ? Leave::kLog : Leave::kNothing);
      if (event >= 11 && event < 20) run.node().clock.now_ms += static_cast<int64_t>(run.below(1000));
      if (event >= 20 && event < 25) run.check();
      if (event >= 25 && event < 30) run.node().pack();
    }
    run.check();
    check_accounting(run.node());
  }
}

TEST_CASE("engine in memory mode agrees with the model") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    RandomRun run(seed, false);
    for (int step = 0; step < 400; ++step) {
      run.change();
      if (run.below(10) == 0) run.node().clock.now_ms += static_cast<int64_t>(run.below(1000));
      if (run.below(20) == 0) run.node().pack();
      if (run.below(40) == 0) run.check();
    }
    run.check();
    check_accounting(run.node());
  }
}

TEST_CASE("a checkpoint is exact while changes go on beside it") {
  for (uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    CAPTURE(seed);
    RandomRun run(seed);
    for (int round = 0; round < 6; ++round) {
      for (int step = 0; step < 60; ++step) run.change();
      std::atomic<bool> ok{true};
      std::thread checkpoint([&] { ok = run.node().engine().checkpoint().ok(); });
      for (int step = 0; step < 200; ++step) run.change();
      checkpoint.join();
      REQUIRE(ok);
      REQUIRE(run.node().engine().commit().ok());
      check_accounting(run.node());
      if (round % 2 == 0) run.node().evict_everything();
      run.check();
      check_accounting(run.node());
      run.node().crash();
      run.check();
    }
  }
}

TEST_CASE("what was not committed is lost as a whole, what was is there") {
  TestNode node(1);
  node.with("kept", [](Database& d, const Key& key) { d.put_string(key, "1", kNoDeadline); });
  REQUIRE(node.engine().commit().ok());
  node.with("lost", [](Database& d, const Key& key) { d.put_string(key, "2", kNoDeadline); });
  node.crash();
  ModelValue kept;
  kept.text = "1";
  check_record(node, "kept", &kept);
  check_record(node, "lost", nullptr);
}

TEST_CASE("a failed checkpoint loses nothing and the next one takes everything") {
  RandomRun run(3);
  for (int step = 0; step < 100; ++step) run.change();
  run.node().store().set_full(true);
  CHECK_FALSE(run.node().engine().checkpoint().ok());
  for (int step = 0; step < 100; ++step) run.change();
  run.check();
  run.node().store().set_full(false);
  REQUIRE(run.node().engine().checkpoint().ok());
  run.node().evict_everything();
  run.check();
  run.node().crash();
  run.check();
}

TEST_CASE("a flushed database is empty after a crash, and swapped ones stay swapped") {
  TestNode node(1);
  const auto set = [&](const std::string& name) {
    node.with(name, [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  };
  set("old");
  REQUIRE(node.engine().checkpoint().ok());
  {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    operation.flush_database(0);
    operation.finish();
  }
  set("new");
  {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    operation.swap_databases(0, 1);
    operation.finish();
  }
  set("after");
  REQUIRE(node.engine().commit().ok());
  for (int round = 0; round < 2; ++round) {
    CHECK(node.scan() == std::set<std::string>{"after"});
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    CHECK(operation.database(1).size() == 1);
    operation.finish();
    node.crash();
    if (round == 0) REQUIRE(node.engine().checkpoint().ok());
  }
}

TEST_CASE("expired records go from memory and store without being asked for") {
  TestNode node(1);
  for (int i = 0; i < 100; ++i) {
    node.with("k" + std::to_string(i), [&](Database& d, const Key& key) {
      d.put_string(key, "v", i % 2 == 0 ? node.clock.now_ms + 1000 : kNoDeadline);
    });
  }
  SUBCASE("in memory") {}
  SUBCASE("in the store only") {
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_everything();
    node.crash();
  }
  Loader loader(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), loader);
  node.clock.now_ms += 2000;
  expirer.expire_in_memory(1'000'000);
  expirer.expire_in_store(1'000'000);
  CHECK(node.observer.expirations == 50);
  node.with("k1", [](Database& d, const Key&) {
    CHECK(d.size() == 50);
    CHECK(d.size_with_deadline() == 0);
  });
  REQUIRE(node.engine().checkpoint().ok());
  node.crash();
  CHECK(node.scan().size() == 50);
}

TEST_CASE("renewing a deadline leaves one reference behind, not one each time") {
  TestNode node(1, false);
  for (int i = 0; i < 1000; ++i) {
    node.with("k",
              [&](Database& d, const Key& key) { d.put_string(key, "v", node.clock.now_ms + 1000 + i); });
  }
  CHECK(node.engine().statistics().index_entries == 1);
  Loader loader(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), loader);
  node.clock.now_ms += 1500;
  expirer.expire_in_memory(1'000'000);
  CHECK(node.observer.expirations == 0);
  node.clock.now_ms += 1500;
  expirer.expire_in_memory(1'000'000);
  CHECK(node.observer.expirations == 1);
}

TEST_CASE("memory accounting returns to where it began") {
  RandomRun run(5, false);
  for (int step = 0; step < 500; ++step) run.change();
  for (const auto& [name, value] : run.model()) {
    run.node().with(name, [](Database& d, const Key& key) { d.remove(key); });
  }
  // Stripes keep up to 256 bytes each to themselves; what is left of each of them is exact.
  const int64_t bytes = static_cast<int64_t>(run.node().engine().statistics().memory_bytes);
  CHECK(bytes < 50 * 256);
}

TEST_CASE("scan finds every key that stays, while tables grow and records come and go") {
  TestNode node(1);
  for (int i = 0; i < 3000; ++i) {
    node.with("{t}stay" + std::to_string(i),
              [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  }
  REQUIRE(node.engine().checkpoint().ok());
  std::set<std::string> seen;
  uint64_t cursor = 0;
  int step = 0;
  do {
    cursor = node.engine().scan(
        0, cursor, 10, {}, node.clock.now_ms, [&](std::string_view name) { seen.emplace(name); }, nullptr);
    CHECK(cursor < uint64_t{1} << 53);
    const std::string other = "{t}other" + std::to_string(step++);
    node.with(other, [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
    if (step % 50 == 0) node.evict_everything();
    if (step % 70 == 0) REQUIRE(node.engine().checkpoint().ok());
  } while (cursor != 0);
  size_t stayed = 0;
  for (const std::string& name : seen) stayed += name.compare(0, 7, "{t}stay") == 0;
  CHECK(stayed == 3000);
}

TEST_CASE("scan stays within the partitions it is told, and its cursor says where they end") {
  TestNode node(1);
  for (int i = 0; i < 500; ++i) {
    node.with("k" + std::to_string(i),
              [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  }
  node.evict_everything();
  const auto walk = [&](const ScanFilter& filter, uint64_t from, uint64_t* end) {
    std::set<std::string> seen;
    uint64_t cursor = from;
    do {
      cursor = node.engine().scan(
          0, cursor, 7, filter, node.clock.now_ms, [&](std::string_view name) { seen.emplace(name); },
          nullptr);
    } while (cursor != 0 && cursor >> 39 < filter.end_partition);
    *end = cursor;
    return seen;
  };
  ScanFilter stretch;
  stretch.end_partition = 9000;
  uint64_t end = 0;
  const std::set<std::string> in_stretch = walk(stretch, uint64_t{3000} << 39, &end);
  CHECK(end == uint64_t{9000} << 39);
  std::vector<bool> odd(kPartitionCount);
  for (uint32_t i = 1; i < kPartitionCount; i += 2) odd[i] = true;
  ScanFilter some;
  some.partitions = &odd;
  const std::set<std::string> in_odd = walk(some, 0, &end);
  CHECK(end == 0);
  for (int i = 0; i < 500; ++i) {
    const std::string name = "k" + std::to_string(i);
    const uint16_t partition = partition_of(name);
    CHECK(in_stretch.contains(name) == (partition >= 3000 && partition < 9000));
    CHECK(in_odd.contains(name) == (partition % 2 == 1));
  }
}

TEST_CASE("an operation that goes on with a collection behind a swap is replayed to the right database") {
  TestNode node(1);
  const Key key("h");
  Operation operation(node.engine(), node.clock.now_ms);
  operation.lock_all();
  operation.database(0).open(key, Type::kHash).put("before", "1");
  operation.swap_databases(0, 1);
  operation.database(1).open(key, Type::kHash).put("after", "2");
  operation.finish();
  REQUIRE(node.engine().commit().ok());
  node.crash();
  ModelValue expected;
  expected.type = Type::kHash;
  expected.fields = {{"before", "1"}, {"after", "2"}};
  check_record(node, "h", nullptr, 0);
  check_record(node, "h", &expected, 1);
}

TEST_CASE("a swapped database's records expire where they are then") {
  for (const bool durable : {false, true}) {
    CAPTURE(durable);
    TestNode node(1, durable);
    for (int i = 0; i < 10; ++i) {
      node.with("k" + std::to_string(i),
                [&](Database& d, const Key& key) { d.put_string(key, "v", node.clock.now_ms + 1000); });
    }
    {
      Operation operation(node.engine(), node.clock.now_ms);
      operation.lock_all();
      operation.swap_databases(0, 3);
      operation.finish();
    }
    if (durable) {
      REQUIRE(node.engine().commit().ok());
      node.crash();
    }
    Loader loader(node.engine().core());
    Expirer expirer(node.engine(), node.engine().core(), loader);
    node.clock.now_ms += 2000;
    expirer.expire_in_memory(1'000'000);
    CHECK(node.observer.expirations == 10);
  }
}

TEST_CASE("references of keys that were deleted before a far deadline do not pile up") {
  TestNode node(1, false);
  const int64_t deadline_ms = node.clock.now_ms + 1'000'000'000;
  for (int i = 0; i < 200'000; ++i) {
    node.with("k", [&](Database& d, const Key& key) {
      d.put_string(key, "v", kNoDeadline);
      d.set_deadline(key, deadline_ms);
    });
  }
  Loader loader(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), loader);
  expirer.prune_index();
  CHECK(node.engine().statistics().index_entries == 1);
  node.clock.now_ms = deadline_ms + 1000;
  expirer.expire_in_memory(1'000'000);
  CHECK(node.observer.expirations == 1);
}

TEST_CASE("a checkpoint takes the deadlines it wrote out of memory, and they hold nevertheless") {
  TestNode node(1);
  const auto set = [&](const std::string& name, int64_t milliseconds) {
    node.with(name,
              [&](Database& d, const Key& key) { d.put_string(key, "v", node.clock.now_ms + milliseconds); });
  };
  for (int i = 0; i < 1000; ++i) set("k" + std::to_string(i), 10'000 + i);
  node.store().set_full(true);
  REQUIRE_FALSE(node.engine().checkpoint().ok());
  node.store().set_full(false);
  CHECK(node.engine().statistics().index_entries == 1000);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.engine().statistics().index_entries == 0);
  set("k0", 60'000);
  set("k1", 1000);
  SUBCASE("with what changed since in memory only") {}
  SUBCASE("with another checkpoint") {
    REQUIRE(node.engine().checkpoint().ok());
  }
  SUBCASE("with records in the store only") {
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_everything();
  }
  Loader loader(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), loader);
  const auto expired_after = [&](int64_t milliseconds) {
    node.clock.now_ms += milliseconds;
    expirer.expire_in_memory(1'000'000);
    expirer.expire_in_store(1'000'000);
    return node.observer.expirations.load();
  };
  CHECK(expired_after(2000) == 1);
  CHECK(expired_after(10'000) == 999);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(expired_after(60'000) == 1000);
}

TEST_CASE("a deadline that was moved while it was in the log only, or in the store only, is kept") {
  TestNode node(1);
  const auto set = [&](int64_t milliseconds) {
    node.with("k",
              [&](Database& d, const Key& key) { d.put_string(key, "v", node.clock.now_ms + milliseconds); });
  };
  set(5000);
  REQUIRE(node.engine().checkpoint().ok());
  SUBCASE("to earlier, found by replay") {
    set(1000);
    REQUIRE(node.engine().commit().ok());
    node.crash();
    node.clock.now_ms += 2000;
  }
  SUBCASE("to later, after a restart") {
    node.crash();
    set(8000);
    node.clock.now_ms += 6000;
    Loader loader_after(node.engine().core());
    Expirer(node.engine(), node.engine().core(), loader_after).expire_in_store(1'000'000);
    CHECK(node.observer.expirations == 0);
    node.clock.now_ms += 4000;
  }
  Loader now(node.engine().core());
  Expirer expirer(node.engine(), node.engine().core(), now);
  expirer.expire_in_memory(1'000'000);
  CHECK(node.observer.expirations == 1);
}

TEST_CASE("writes are refused, not kept waiting, when changes pile up because checkpoints fail") {
  TestNode node(1);
  node.store().set_full(true);
  CHECK_FALSE(node.engine().checkpoint().ok());
  CHECK(node.engine().writable());
  node.engine().set_max_memory(1);
  for (int i = 0; i < 20; ++i) {
    node.with("k" + std::to_string(i),
              [](Database& d, const Key& key) { d.put_string(key, std::string(1 << 20, 'v'), kNoDeadline); });
  }
  CHECK_FALSE(node.engine().congested());
  CHECK_FALSE(node.engine().writable());
  CHECK(node.engine().write_refusal().code() == StatusCode::kNoSpace);
  REQUIRE(node.engine().commit().ok());
  CHECK_FALSE(node.engine().writable());
  node.store().set_full(false);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.engine().writable());
  CHECK(node.engine().write_refusal().ok());
}

namespace {

void put_megabytes(TestNode& node, int count) {
  for (int i = 0; i < count; ++i) {
    node.with("big:" + std::to_string(i), [](Database& database, const Key& key) {
      database.put_string(key, std::string(1 << 20, 'b'), kNoDeadline);
    });
  }
  REQUIRE(node.engine().commit().ok());
}

uint64_t checkpoints_within(TestNode& node, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (node.engine().statistics().checkpoints == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return node.engine().statistics().checkpoints;
}

}  // namespace

TEST_CASE("a node that nothing is written to takes a checkpoint after a minute, not as soon as it starts") {
  TestNode node(12);
  put_megabytes(node, 8);
  node.crash();
  CHECK(checkpoints_within(node, std::chrono::milliseconds(500)) == 0);
  node.clock.now_ms += 61'000;
  CHECK(checkpoints_within(node, std::chrono::seconds(30)) == 1);
}

TEST_CASE("a checkpoint comes when there is much log for the data, however long it may be") {
  TestNode node(12);
  for (int i = 0; i < 10; ++i) put_megabytes(node, 8);
  CHECK(checkpoints_within(node, std::chrono::seconds(30)) == 1);
}

TEST_CASE("writers that wait for a checkpoint get one, whatever the last one left of the log") {
  TestNode node(12);
  node.engine().core().log_bytes_at_checkpoint = uint64_t{1} << 40;
  for (int i = 0; i < 10; ++i) put_megabytes(node, 8);
  CHECK(checkpoints_within(node, std::chrono::milliseconds(500)) == 0);
  for (int i = 0; i < 25; ++i) put_megabytes(node, 8);
  CHECK(checkpoints_within(node, std::chrono::seconds(30)) == 1);
}

TEST_CASE("rows of a flushed database stay until a checkpoint knows of the flush, and go then") {
  TestNode node(1);
  for (int i = 0; i < 50; ++i) {
    node.with("k" + std::to_string(i),
              [](Database& d, const Key& key) { d.open(key, Type::kHash).put("f", "v"); });
  }
  REQUIRE(node.engine().checkpoint().ok());
  const auto rows = [&](Family family) {
    int count = 0;
    const auto iterator = node.store().iterate(family, std::string(1, '\0'), std::string(8, '\xff'));
    for (; iterator->valid(); iterator->next()) ++count;
    return count;
  };
  {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    operation.flush_database(0);
    operation.finish();
  }
  SUBCASE("without a crash") {}
  SUBCASE("replayed") {
    REQUIRE(node.engine().commit().ok());
    node.crash();
  }
  CHECK(rows(Family::kRecords) == 50);
  CHECK(rows(Family::kElements) == 50);
  node.store().set_full(true);
  CHECK_FALSE(node.engine().checkpoint().ok());
  CHECK(rows(Family::kElements) == 50);
  node.store().set_full(false);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(rows(Family::kRecords) == 0);
  CHECK(rows(Family::kElements) == 0);
  CHECK(node.engine().core().log->durable() == node.engine().core().log->appended());
}

TEST_CASE("a replay returns the memory of databases that it sees flushed") {
  TestNode node(1);
  for (int i = 0; i < 200; ++i) {
    node.with("{t}" + std::to_string(i),
              [](Database& d, const Key& key) { d.put_string(key, std::string(10'000, 'v'), kNoDeadline); });
  }
  Operation operation(node.engine(), node.clock.now_ms);
  operation.lock_all();
  operation.flush_database(0);
  operation.finish();
  REQUIRE(node.engine().commit().ok());
  node.crash();
  CHECK(node.engine().statistics().memory_bytes < 10'000);
  CHECK(node.engine().statistics().dirty_bytes < 10'000);
}

TEST_CASE("few big values are found for eviction among many empty partitions and databases") {
  TestNode node(1);
  for (int i = 0; i < 20; ++i) {
    node.with(9, "k" + std::to_string(i),
              [](Database& d, const Key& key) { d.put_string(key, std::string(100'000, 'v'), kNoDeadline); });
  }
  REQUIRE(node.engine().checkpoint().ok());
  Evictor evictor(node.engine().core());
  evictor.set_budget(10'000);
  SeededRandom random(1);
  evictor.make_room(1 << 20, random);
  CHECK(node.engine().statistics().memory_bytes < 10'000);
}

}  // namespace starling::engine
