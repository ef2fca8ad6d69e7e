#include "engine/replica/replication.h"

#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {

namespace {

void set(TestNode& node, const std::string& name, const std::string& value,
         int64_t deadline_ms = kNoDeadline) {
  node.with(name, [&](Database& database, const Key& key) { database.put_string(key, value, deadline_ms); });
}

void add(TestNode& node, const std::string& name, const std::string& member) {
  node.with(name,
            [&](Database& database, const Key& key) { database.open(key, Type::kSet).put(member, ""); });
}

void remove(TestNode& node, const std::string& name) {
  node.with(name, [](Database& database, const Key& key) { database.remove(key); });
}

std::optional<std::string> get(TestNode& node, const std::string& name) {
  std::optional<std::string> value;
  node.with(name, [&](Database& database, const Key& key) {
    if (const Found found = database.find(key)) value = std::string(found.string());
  });
  return value;
}

MergeOutcome merge_state(TestNode& node, const std::string& name, const std::string& bytes) {
  MergeOutcome outcome{};
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    outcome = Replica(operation, 0).merge_state(key, bytes);
  });
  return outcome;
}

MergeOutcome merge_delta(TestNode& node, const std::string& name, std::string_view bytes) {
  MergeOutcome outcome{};
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    outcome = Replica(operation, 0).merge_delta(key, bytes);
  });
  return outcome;
}

std::string capture(TestNode& node, const std::string& name, ChangeKind kind,
                    const std::function<void(Database&, const Key&)>& work) {
  ChangeList changes;
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    operation.capture(&changes);
    Database database = operation.database(0);
    work(database, key);
  });
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].kind == kind);
  CHECK(changes[0].partition == Key(name).partition);
  return std::string(changes[0].bytes);
}

Order compare(TestNode& node, const std::string& name, const std::string& context) {
  Order order{};
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    REQUIRE(Replica(operation, 0).compare(key, context, &order).ok());
  });
  return order;
}

Status open_without_cluster(const TestNode::Image& image) {
  FakeClock clock;
  CountingObserver observer;
  Options options;
  options.active_expire = false;
  NodeParts parts;
  parts.actor = 99;
  parts.log = std::make_unique<MemoryLog>(CommitLog::Options(), image.log);
  parts.store = std::make_unique<MemoryStore>(image.store, "store");
  NodeEngine engine(options, clock, 1, observer, std::move(parts));
  return engine.start();
}

}  // namespace

TEST_CASE("replication: records are the kernel's over random changes, merges, restarts and evictions") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    ReplicatedRun run(seed);
    for (int step = 0; step < 500; ++step) {
      CAPTURE(step);
      run.step();
      const uint64_t event = run.below(100);
      if (event < 5) REQUIRE(run.node().engine().checkpoint().ok());
      if (event >= 5 && event < 8) run.node().evict_everything();
      if (event >= 8 && event < 10) {
        REQUIRE(run.node().engine().commit().ok());
        run.node().crash();
      }
      if (event == 10) run.node().restart_cleanly();
      if (event >= 11 && event < 20) run.node().clock.now_ms += static_cast<int64_t>(run.below(800));
      if (event >= 20 && event < 25) run.check_all();
      if (event == 25) check_accounting(run.node());
      if (event == 26) run.node().pack();
    }
    run.check_all();
    check_accounting(run.node());
  }
}

TEST_CASE("replication: records are the kernel's in memory mode") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    ReplicatedRun run(seed, false);
    for (int step = 0; step < 500; ++step) {
      run.step();
      if (run.below(10) == 0) run.node().clock.now_ms += static_cast<int64_t>(run.below(800));
      if (run.below(40) == 0) run.check_all();
    }
    run.check_all();
    check_accounting(run.node());
  }
}

void crash_at_points_of_checkpoints(uint64_t seed) {
  CAPTURE(seed);
  ReplicatedRun run(seed);
  TestNode& node = run.node();
  uint64_t images = 0;
  for (int round = 0; round < 8; ++round) {
    for (int step = 0; step < 60; ++step) run.step();
    node.clock.now_ms += static_cast<int64_t>(run.below(2000));
    node.during_checkpoint = [&] {
      for (uint64_t i = run.below(4); i > 0; --i) run.step();
      if (run.below(10) == 0) node.evict_some();
      if (run.below(100) == 0) node.pack();
      if (run.below(20) != 0) return;
      REQUIRE(node.engine().commit().ok());
      TestNode other(seed * 1000 + 500 + ++images, node.image(), true);
      run.check_all(other);
    };
    const bool full = run.below(4) == 0;
    node.store().set_full(full);
    REQUIRE(node.engine().checkpoint().ok() == !full);
    node.store().set_full(false);
    node.during_checkpoint = nullptr;
    REQUIRE(node.engine().commit().ok());
    if (run.below(2) == 0) node.evict_everything();
    if (run.below(2) == 0) run.check_all();
    if (run.below(3) == 0) node.crash();
    if (run.below(3) == 0) run.check_all();
    check_accounting(node);
  }
}

TEST_CASE(
    "replication: at every point of a checkpoint a crash leaves the whole history of what was committed") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(20); ++seed)
    crash_at_points_of_checkpoints(seed);
}

// What the log said of it was what the store had held before: its elements stayed beside those that replaced them.
TEST_CASE("replication: a record that is replaced while a checkpoint saves it is whole after a crash") {
  for (const uint64_t seed : {41, 42, 101, 139, 402}) crash_at_points_of_checkpoints(seed);
}

TEST_CASE("replication: a delete stays, over checkpoints, evictions and restarts, and does not show") {
  TestNode node(1, true, true);
  set(node, "k", "v");
  std::string old = state_of(node, "k");
  REQUIRE(node.engine().checkpoint().ok());
  remove(node, "k");
  const std::string gone = state_of(node, "k");
  for (int round = 0; round < 3; ++round) {
    CHECK(state_of(node, "k") == gone);
    CHECK(merge_state(node, "k", old) == MergeOutcome::kUnchanged);
    CHECK(node.scan().empty());
    CHECK_FALSE(node.engine().random_key(0, node.clock.now_ms, nullptr).has_value());
    node.with("k", [](Database& d, const Key& key) {
      CHECK(d.size() == 0);
      CHECK_FALSE(d.find(key));
      CHECK_FALSE(d.remove(key));
    });
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_everything();
    if (round == 1) node.crash();
  }
  // The next value supersedes it.
  set(node, "k", "new");
  CHECK(merge_state(node, "k", gone) == MergeOutcome::kUnchanged);
  CHECK(get(node, "k") == "new");
}

TEST_CASE("replication: an expired value counts as a tombstone of its own event") {
  TestNode a(1, true, true), b(2, true, true);
  set(a, "k", "v", a.clock.now_ms + 100);
  const std::string state = state_of(a, "k");
  const std::string version = version_of(a, "k");
  REQUIRE(merge_state(b, "k", state) == MergeOutcome::kApplied);
  a.clock.now_ms += 100;
  b.clock.now_ms += 100;
  CHECK_FALSE(get(a, "k").has_value());
  CHECK(a.observer.expirations == 1);
  // b has not looked, and yet both say the same.
  CHECK(state_of(a, "k") == state_of(b, "k"));
  CHECK(version_of(a, "k") == version);
  CHECK(merge_state(a, "k", state) == MergeOutcome::kUnchanged);
  CHECK_FALSE(get(a, "k").has_value());
  a.crash();
  CHECK_FALSE(get(a, "k").has_value());
  a.with("k", [](Database& d, const Key&) { CHECK(d.size() == 0); });
}

TEST_CASE("replication: a delta that builds on what is not here is a gap, and the state closes it") {
  TestNode a(1, true, true), b(2, true, true);
  for (const char* member : {"m1", "m2", "m3", "m4"}) add(a, "s", member);
  REQUIRE(merge_state(b, "s", state_of(a, "s")) == MergeOutcome::kApplied);
  const auto put = [](const char* member) {
    return [member](Database& d, const Key& key) { d.open(key, Type::kSet).put(member, ""); };
  };
  const std::string first = capture(a, "s", ChangeKind::kDelta, put("m5"));
  const std::string second = capture(a, "s", ChangeKind::kDelta, put("m6"));
  const std::string before = state_of(b, "s");
  CHECK(merge_delta(b, "s", second) == MergeOutcome::kGap);
  CHECK(state_of(b, "s") == before);
  CHECK(merge_delta(b, "never:there", second) == MergeOutcome::kGap);
  CHECK(merge_delta(b, "s", first) == MergeOutcome::kApplied);
  CHECK(merge_delta(b, "s", first) == MergeOutcome::kUnchanged);
  CHECK(merge_delta(b, "s", second) == MergeOutcome::kApplied);
  CHECK(state_of(b, "s") == state_of(a, "s"));
  // As small as the change, not as the collection.
  CHECK(first.size() < before.size());
  b.crash();
}

TEST_CASE("replication: versions are compared by what was seen") {
  TestNode a(1, true, true), b(2, true, true);
  CHECK(compare(a, "k", "") == Order::kEqual);
  set(a, "k", "1");
  const std::string one = version_of(a, "k");
  CHECK(compare(a, "k", "") == Order::kAfter);
  CHECK(compare(b, "k", one) == Order::kBefore);
  set(a, "k", "2");
  CHECK(compare(a, "k", one) == Order::kAfter);
  set(b, "k", "3");
  CHECK(compare(b, "k", one) == Order::kConcurrent);
  REQUIRE(merge_state(b, "k", state_of(a, "k")) == MergeOutcome::kApplied);
  CHECK(compare(b, "k", version_of(a, "k")) == Order::kAfter);
  REQUIRE(merge_state(a, "k", state_of(b, "k")) == MergeOutcome::kApplied);
  CHECK(compare(b, "k", version_of(a, "k")) == Order::kEqual);
  CHECK(version_hash(0, "k", version_of(a, "k")) == version_hash(0, "k", version_of(b, "k")));
  CHECK(version_hash(0, "k", one) != version_hash(1, "k", one));
  CHECK(version_hash(0, "k", one) != version_hash(0, "j", one));
  CHECK(version_hash(0, "k", one) != version_hash(0, "k", version_of(a, "k")));
  a.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    Order order{};
    CHECK(Replica(operation, 0).compare(key, "\x1c\x01", &order).code() == StatusCode::kCorrupt);
  });
}

TEST_CASE("replication: what a peer must not send changes nothing") {
  TestNode node(1, true, true);
  set(node, "k", "v");
  const std::string before = state_of(node, "k");
  CHECK(merge_state(node, "k", "") == MergeOutcome::kCorrupt);
  CHECK(merge_state(node, "k", before.substr(0, 10)) == MergeOutcome::kCorrupt);
  CHECK(merge_delta(node, "k", before) == MergeOutcome::kCorrupt);
  const auto state = [&](ElementKind kind, const std::string& name, Sibling sibling) {
    RecordAssembly assembly(VersionVector{sibling.dot});
    REQUIRE(assembly.add(kind, name, {sibling}));
    std::string bytes;
    encode_record(assembly.take(), &bytes);
    return bytes;
  };
  const Stamp ahead = static_cast<Stamp>(node.clock.now_ms + 2 * kDefaultMaxDriftMs) << 16;
  CHECK(merge_state(node, "k", state(ElementKind::kValue, "", {{ahead, 7}, "x", 0, false})) ==
        MergeOutcome::kStampTooFarAhead);
  CHECK(merge_state(node, "k", state(ElementKind::kField, "f", {{ahead, 7}, "x", 0, false})) ==
        MergeOutcome::kStampTooFarAhead);
  // Forms of the grammar that no command makes yet.
  CHECK(merge_state(node, "k", state(ElementKind::kField, "f", {{1, 7}, "x", 5, false})) ==
        MergeOutcome::kCorrupt);
  CHECK(state_of(node, "k") == before);
}

TEST_CASE("replication: concurrent writes stay as siblings until somebody who saw them writes") {
  TestNode a(1, true, true), b(2, true, true);
  set(a, "k", "a");
  set(b, "k", "b");
  REQUIRE(merge_state(a, "k", state_of(b, "k")) == MergeOutcome::kApplied);
  VersionVector seen;
  a.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    Replica replica(operation, 0);
    const Versions versions = replica.versions(key);
    REQUIRE(versions.siblings.size() == 2);
    CHECK(versions.type == Type::kString);
    seen = versions.context;
    CHECK(replica.set(key, {}, "blind", kNoDeadline, 2) == VclockOutcome::kTooManySiblings);
    CHECK(replica.set(key, {}, "blind", kNoDeadline, 3) == VclockOutcome::kApplied);
    CHECK(replica.versions(key).siblings.size() == 3);
    VersionVector claimed = seen;
    claimed.add({operation.engine().core().hybrid_clock.last() + 1, a.actor()});
    CHECK(replica.set(key, claimed, "x", kNoDeadline, 9) == VclockOutcome::kUnknownEvents);
    CHECK(replica.remove(key, seen, 3) == VclockOutcome::kApplied);
    const Versions after = replica.versions(key);
    REQUIRE(after.siblings.size() == 2);
    CHECK(after.siblings.front().value == "blind");
    CHECK(after.siblings.back().tombstone);
  });
  CHECK_FALSE(get(a, "k").has_value());
  set(a, "k", "all");
  a.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    CHECK(Replica(operation, 0).versions(key).siblings.size() == 1);
  });
}

TEST_CASE("replication: an operation over several keys is captured key by key") {
  TestNode node(1, true, true);
  for (const char* member : {"1", "2", "3", "4", "5"}) add(node, "{t}s", member);
  ChangeList changes;
  node.with_operation("{t}a", 0, [&](Operation& operation, const Key& a) {
    operation.capture(&changes);
    Database zero = operation.database(0);
    Database one = operation.database(1);
    const Key b("{t}b"), s("{t}s");
    zero.put_string(a, "1", kNoDeadline);
    zero.open(s, Type::kSet).put("6", "");
    zero.put_string(b, "1", kNoDeadline);
    one.put_string(a, "one", kNoDeadline);
    zero.open(s, Type::kSet).remove("1");
    zero.put_string(a, "2", kNoDeadline);
    zero.remove(b);
    zero.set_deadline(s, operation.now_ms() + 1000);
  });
  REQUIRE(changes.size() == 4);
  CHECK(changes[0].key == "{t}a");
  CHECK(changes[0].bytes == state_of(node, "{t}a"));
  CHECK(changes[1].key == "{t}s");
  CHECK(changes[1].kind == ChangeKind::kDelta);
  CHECK(changes[2].key == "{t}b");
  CHECK(changes[2].bytes == state_of(node, "{t}b"));
  CHECK(changes[3].database == 1);
  CHECK(changes[3].bytes == state_of(node, "{t}a", 1));
  Delta delta;
  REQUIRE(decode_delta(changes[1].bytes, &delta).ok());
  CHECK(delta.touched.size() == 3);
}

TEST_CASE("replication: a directory of a single node becomes a cluster's, and stays it") {
  TestNode alone(1);
  for (const char* member : {"m1", "m2"}) add(alone, "s", member);
  set(alone, "k", "v");
  set(alone, "gone", "v");
  REQUIRE(alone.engine().checkpoint().ok());
  remove(alone, "gone");
  REQUIRE(alone.engine().commit().ok());
  alone.crash();
  // A new actor goes on with the collection.
  add(alone, "s", "m3");
  SUBCASE("from the log") {
    REQUIRE(alone.engine().commit().ok());
  }
  SUBCASE("from the store") {
    REQUIRE(alone.engine().checkpoint().ok());
  }
  TestNode node(50, alone.image(), true);
  CHECK(node.scan() == std::set<std::string>{"k", "s"});
  CHECK(get(node, "k") == "v");
  Record record;
  REQUIRE(decode_record(state_of(node, "s"), &record).ok());
  CHECK(record.context().size() == 2);
  CHECK(record.elements().size() == 3);
  CHECK(open_without_cluster(alone.image()).ok());
  const Status refused = open_without_cluster(node.image());
  CHECK(refused.code() == StatusCode::kInvalid);
}

}  // namespace starling::engine
