// What settled partitions do to single nodes and pairs of them: removal of tombstones, what comes late, what
// survives a crash. Random histories of three nodes are in convergence_test.cc.
#include "engine/memory/settled.h"

#include "engine/record/record_codec.h"
#include "tests/unit/engine/replicated_run.h"
#include "tests/unit/engine/tally_check.h"

namespace starling::engine {

namespace {

void set(TestNode& node, const std::string& name, const std::string& value,
         int64_t deadline_ms = kNoDeadline) {
  node.with(name, [&](Database& database, const Key& key) { database.put_string(key, value, deadline_ms); });
}

void remove(TestNode& node, const std::string& name) {
  node.with(name, [](Database& database, const Key& key) { database.remove(key); });
}

void add(TestNode& node, const std::string& name, const std::string& member) {
  node.with(name,
            [&](Database& database, const Key& key) { database.open(key, Type::kSet).put(member, ""); });
}

std::optional<std::string> get(TestNode& node, const std::string& name) {
  std::optional<std::string> value;
  node.with(name, [&](Database& database, const Key& key) {
    if (const Found found = database.find(key)) value = std::string(found.string());
  });
  return value;
}

MergeOutcome merge(TestNode& node, const std::string& name, const std::string& state) {
  MergeOutcome outcome{};
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    outcome = Replica(operation, 0).merge_state(key, state);
  });
  REQUIRE(outcome != MergeOutcome::kCorrupt);
  return outcome;
}

Order compare(TestNode& node, const std::string& name, const std::string& version) {
  Order order{};
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    REQUIRE(Replica(operation, 0).compare(key, version, &order).ok());
  });
  return order;
}

Stamp promised(TestNode& node) {
  return promise_stamp(node.engine(), node.clock.now_ms).stamp;
}

void settle_up_to(TestNode& node, const std::string& name, Stamp stamp) {
  const uint16_t partition = Key(name).partition;
  REQUIRE(settle(node.engine(), partition, stamp, change_count(node.engine(), partition), node.clock.now_ms));
}

uint64_t reap_all(TestNode& node, const std::string& name) {
  uint64_t cursor = 0, reaped = 0;
  do {
    REQUIRE(reap(node.engine(), Key(name).partition, &cursor, 2, node.clock.now_ms, &reaped).ok());
  } while (cursor != 0);
  return reaped;
}

// The record by itself; empty: there is none.
std::string bare(TestNode& node, const std::string& name) {
  const std::string state = state_of(node, name);
  std::string_view bytes = state;
  (void)take_settled(&bytes);
  return std::string(bytes);
}

size_t listed(TestNode& node, const std::string& name, VersionVector* context = nullptr) {
  size_t count = 0;
  uint64_t cursor = 0;
  do {
    REQUIRE(scan_versions(node.engine(), Key(name).partition, &cursor, 2, [&](const VisitedVersion& version) {
              ++count;
              if (context != nullptr) REQUIRE(decode_context(version.context, 100, context).ok());
            }).ok());
  } while (cursor != 0);
  return count;
}

// What two nodes make of the only key of its partition by their lists.
Order compare_listed(TestNode& mine, TestNode& theirs, const std::string& name) {
  VersionVector my_context, their_context;
  (void)listed(mine, name, &my_context);
  (void)listed(theirs, name, &their_context);
  const auto settled = [&](TestNode& node) { return settled_up_to(node.engine(), Key(name).partition); };
  return compare_known({my_context, settled(mine)}, {their_context, settled(theirs)});
}

struct Pair {
  TestNode a{1000, true, true}, b{2000, true, true};
  void exchange(const std::string& name) {
    merge(b, name, state_of(a, name));
    merge(a, name, state_of(b, name));
  }
  void tick(int64_t ms = 10) {
    a.clock.now_ms += ms;
    b.clock.now_ms += ms;
  }
  Stamp stamp() {
    tick();
    return std::min(promised(a), promised(b));
  }
};

}  // namespace

TEST_CASE(
    "settled: a tombstone goes from memory, log and store, and nothing brings it or what it deleted back") {
  Pair pair;
  set(pair.a, "k", "old");
  const std::string old = state_of(pair.a, "k");
  pair.exchange("k");
  remove(pair.a, "k");
  pair.exchange("k");
  const std::string tombstone = state_of(pair.a, "k");
  const Stamp stamp = pair.stamp();
  settle_up_to(pair.a, "k", stamp);
  CHECK(listed(pair.a, "k") == 0);
  CHECK(listed(pair.b, "k") == 1);
  for (const bool stored : {false, true}) {
    if (stored) {
      REQUIRE(pair.b.engine().checkpoint().ok());
      pair.b.evict_everything();
      settle_up_to(pair.b, "k", stamp);
    }
    TestNode& node = stored ? pair.b : pair.a;
    CHECK(reap_all(node, "k") == 1);
    CHECK(reap_all(node, "k") == 0);
    CHECK(bare(node, "k").empty());
    CHECK(merge(node, "k", old) == MergeOutcome::kUnchanged);
    CHECK(merge(node, "k", tombstone) == MergeOutcome::kUnchanged);
    CHECK(get(node, "k") == std::nullopt);
    REQUIRE(node.engine().commit().ok());
    node.crash();
    CHECK(settled_up_to(node.engine(), Key("k").partition) == stamp);
    CHECK(bare(node, "k").empty());
    CHECK(merge(node, "k", old) == MergeOutcome::kUnchanged);
    REQUIRE(node.engine().checkpoint().ok());
    node.evict_everything();
    node.crash();
    CHECK(settled_up_to(node.engine(), Key("k").partition) == stamp);
    CHECK(bare(node, "k").empty());
    CHECK(listed(node, "k") == 0);
    CHECK(merge(node, "k", old) == MergeOutcome::kUnchanged);
    check_accounting(node);
  }
}

TEST_CASE(
    "settled: who has removed a tombstone already finds nothing newer at who has settled more and not yet") {
  for (const bool field : {false, true}) {
    Pair pair;
    if (field) {
      add(pair.a, "k", "m");
    } else {
      set(pair.a, "k", "old");
    }
    pair.exchange("k");
    remove(pair.a, "k");
    pair.exchange("k");
    const Stamp first = pair.stamp();
    settle_up_to(pair.a, "k", first);
    settle_up_to(pair.b, "k", first);
    REQUIRE(reap_all(pair.a, "k") == 1);
    settle_up_to(pair.b, "k", pair.stamp());
    CHECK(compare(pair.a, "k", version_of(pair.b, "k")) == Order::kEqual);
    CHECK(compare(pair.b, "k", version_of(pair.a, "k")) == Order::kEqual);
    CHECK(merge(pair.a, "k", state_of(pair.b, "k")) == MergeOutcome::kUnchanged);
    CHECK(merge(pair.b, "k", state_of(pair.a, "k")) == MergeOutcome::kUnchanged);
  }
}

TEST_CASE("settled: ping-pong: one has removed a tombstone, the other has not heard that it may") {
  Pair pair;
  set(pair.a, "k", "old");
  remove(pair.a, "k");
  pair.exchange("k");
  settle_up_to(pair.a, "k", pair.stamp());
  CHECK(reap_all(pair.a, "k") == 1);
  // The one with the tombstone does not take the other's nothing for older.
  CHECK(compare(pair.b, "k", version_of(pair.a, "k")) == Order::kBefore);
  CHECK(compare(pair.a, "k", version_of(pair.b, "k")) == Order::kAfter);
  CHECK(merge(pair.a, "k", state_of(pair.b, "k")) == MergeOutcome::kUnchanged);
  CHECK(merge(pair.b, "k", state_of(pair.a, "k")) == MergeOutcome::kApplied);
  CHECK(listed(pair.a, "k") == 0);
  CHECK(compare_listed(pair.b, pair.a, "k") == Order::kEqual);
  CHECK(merge(pair.b, "k", state_of(pair.a, "k")) == MergeOutcome::kUnchanged);
  // What the other says is known now: a read need not fetch it once more.
  CHECK(compare(pair.b, "k", version_of(pair.a, "k")) == Order::kEqual);
}

TEST_CASE("settled: one has settled but not removed a tombstone yet, the other has not heard that it may") {
  Pair pair;
  set(pair.a, "k", "old");
  remove(pair.a, "k");
  pair.exchange("k");
  settle_up_to(pair.a, "k", pair.stamp());
  // A power failure between settling and removing leaves this: equal records, of which one counts no more.
  CHECK(listed(pair.a, "k") == 0);
  CHECK(listed(pair.b, "k") == 1);
  CHECK(compare(pair.a, "k", version_of(pair.b, "k")) == Order::kAfter);
  CHECK(compare(pair.b, "k", version_of(pair.a, "k")) == Order::kBefore);
  CHECK(merge(pair.a, "k", state_of(pair.b, "k")) == MergeOutcome::kUnchanged);
  CHECK(merge(pair.b, "k", state_of(pair.a, "k")) == MergeOutcome::kApplied);
  CHECK(compare_listed(pair.b, pair.a, "k") == Order::kEqual);
  CHECK(compare(pair.b, "k", version_of(pair.a, "k")) == Order::kEqual);
  // A guard that knows more than this node's settled stamp is told as it is.
  CHECK_FALSE(bare(pair.b, "k").empty());
}

TEST_CASE(
    "settled: who has settled and told one of two others is lost: what those list of the key agrees with "
    "what they say") {
  Pair pair;
  TestNode third{3000, true, true};
  set(pair.a, "k", "old");
  remove(pair.a, "k");
  for (TestNode* node : {&pair.b, &third}) merge(*node, "k", state_of(pair.a, "k"));
  settle_up_to(pair.a, "k", pair.stamp());
  CHECK(reap_all(pair.a, "k") == 1);
  CHECK(merge(pair.b, "k", state_of(pair.a, "k")) == MergeOutcome::kApplied);
  // Now one has a guard above what it has settled, and the other one the tombstone.
  CHECK(compare_listed(pair.b, third, "k") == compare(pair.b, "k", version_of(third, "k")));
  CHECK(compare_listed(third, pair.b, "k") == Order::kBefore);
  CHECK(merge(pair.b, "k", state_of(third, "k")) == MergeOutcome::kUnchanged);
  CHECK(merge(third, "k", state_of(pair.b, "k")) == MergeOutcome::kApplied);
  CHECK(compare_listed(pair.b, third, "k") == Order::kEqual);
  for (TestNode* node : {&pair.b, &third}) {
    const uint16_t partition = Key("k").partition;
    learn_tally(*node, partition);
    CHECK(tally_of(node->engine(), partition).tally.sum == 0);
  }
}

TEST_CASE("settled: a replica that has lost the delete hears of it from who has removed the tombstone") {
  Pair pair;
  set(pair.a, "k", "old");
  pair.exchange("k");
  add(pair.a, "s", "a");
  add(pair.a, "s", "b");
  pair.exchange("s");
  const TestNode::Image before = [&] {
    REQUIRE(pair.b.engine().commit().ok());
    return pair.b.image();
  }();
  remove(pair.a, "k");
  pair.a.with("s", [](Database& database, const Key& key) { database.open(key, Type::kSet).remove("a"); });
  remove(pair.a, "s");
  pair.exchange("k");
  pair.exchange("s");
  const Stamp stamp = pair.stamp();
  for (const char* name : {"k", "s"}) {
    settle_up_to(pair.a, name, stamp);
    CHECK(reap_all(pair.a, name) == 1);
  }
  TestNode lost(3000, before, true);
  CHECK(get(lost, "k") == "old");
  CHECK(compare(lost, "k", version_of(pair.a, "k")) == Order::kBefore);
  merge(lost, "k", state_of(pair.a, "k"));
  CHECK(get(lost, "k") == std::nullopt);
  // Made again meanwhile: the new element comes, the old ones go.
  add(pair.a, "s", "c");
  merge(lost, "s", state_of(pair.a, "s"));
  merge(pair.a, "s", state_of(lost, "s"));
  CHECK(bare(lost, "s") == bare(pair.a, "s"));
  lost.with("s", [](Database& database, const Key& key) {
    const Found found = database.find(key);
    REQUIRE(found);
    CHECK(found.collection().size() == 1);
  });
}

TEST_CASE("settled: a record made anew by who has removed the tombstone says what the tombstone said") {
  Pair pair;
  TestNode third(3000, true, true);
  set(third, "k", "old");
  const std::string old = state_of(third, "k");
  pair.tick();
  for (TestNode* node : {&pair.a, &pair.b}) merge(*node, "k", old);
  remove(pair.a, "k");
  pair.exchange("k");
  settle_up_to(pair.a, "k", pair.stamp());
  CHECK(reap_all(pair.a, "k") == 1);
  set(pair.a, "k", "new");
  // The partition is not settled there yet, and the third node's event is in no context that comes.
  merge(pair.b, "k", state_of(pair.a, "k"));
  CHECK(merge(pair.b, "k", old) == MergeOutcome::kUnchanged);
  CHECK(get(pair.b, "k") == "new");
  // Both end with the same.
  merge(pair.a, "k", state_of(pair.b, "k"));
  settle_up_to(pair.b, "k", settled_up_to(pair.a.engine(), Key("k").partition));
  merge(pair.b, "k", state_of(pair.a, "k"));
  CHECK(bare(pair.a, "k") == bare(pair.b, "k"));
}

TEST_CASE("settled: expired values go by the agreed stamp, not by a node's clock") {
  Pair pair;
  const int64_t deadline_ms = pair.a.clock.now_ms + 1000;
  set(pair.a, "k", "short", deadline_ms);
  pair.exchange("k");
  const Stamp early = pair.stamp();
  pair.a.clock.now_ms = deadline_ms + 5;  // Only here.
  CHECK(get(pair.a, "k") == std::nullopt);
  settle_up_to(pair.a, "k", early);
  settle_up_to(pair.b, "k", early);
  CHECK(reap_all(pair.a, "k") == 0);
  CHECK(listed(pair.a, "k") == 1);
  CHECK(listed(pair.b, "k") == 1);
  CHECK(get(pair.b, "k") == "short");
  pair.b.clock.now_ms = deadline_ms + 5;
  const Stamp late = pair.stamp();
  settle_up_to(pair.a, "k", late);
  settle_up_to(pair.b, "k", late);
  CHECK(listed(pair.a, "k") == 0);
  CHECK(listed(pair.b, "k") == 0);  // Which has not looked at it since.
  CHECK(reap_all(pair.a, "k") == 1);
  CHECK(reap_all(pair.b, "k") == 1);
  CHECK(pair.b.scan().empty());
  check_accounting(pair.a);
  check_accounting(pair.b);
}

TEST_CASE("settled: nothing that lasts, or is younger, goes") {
  TestNode node(1000, true, true);
  set(node, "{p}lasts", "v");
  set(node, "{p}deadline", "v", node.clock.now_ms + 100'000);
  add(node, "{p}set", "m");
  set(node, "{p}gone", "v");
  remove(node, "{p}gone");
  node.clock.now_ms += 10;
  const Stamp stamp = promised(node);
  set(node, "{p}younger", "v");
  remove(node, "{p}younger");
  settle_up_to(node, "{p}", stamp);
  CHECK(reap_all(node, "{p}") == 1);
  CHECK(listed(node, "{p}") == 4);
  CHECK(get(node, "{p}lasts") == "v");
  CHECK(get(node, "{p}deadline") == "v");
}

TEST_CASE(
    "settled: what the store never had leaves nothing in memory, what it had goes with the next checkpoint") {
  for (const bool stored : {false, true}) {
    TestNode node(1000, true, true);
    const auto records = [&] { return node.engine().core().keyspace.stripes.bytes(); };
    const uint64_t empty = records();
    constexpr int kKeys = 50;
    for (int i = 0; i < kKeys; ++i) set(node, "{p}" + std::to_string(i), "v", node.clock.now_ms + 5);
    if (stored) REQUIRE(node.engine().checkpoint().ok());
    node.clock.now_ms += 10;
    for (int i = 0; i < kKeys; ++i) CHECK_FALSE(get(node, "{p}" + std::to_string(i)).has_value());
    node.clock.now_ms += 10;
    settle_up_to(node, "{p}", promised(node));
    CHECK(reap_all(node, "{p}") == kKeys);
    CHECK((records() == empty) == !stored);
    if (!stored) CHECK(node.engine().core().keyspace.stripes.dirty_bytes() == 0);
    REQUIRE(node.engine().checkpoint().ok());
    CHECK(records() == empty);
  }
}

TEST_CASE(
    "settled: what has expired costs no more than what was deleted, in memory and back from the store") {
  constexpr int kKeys = 200;
  const std::string prefix = "{p}a name of thirty-two bytes, ";
  TestNode node(1000, true, true);
  const auto records = [&] { return node.engine().core().keyspace.stripes.bytes(); };
  const uint64_t empty = records();
  for (int i = 0; i < kKeys; ++i) set(node, prefix + std::to_string(i), "v", node.clock.now_ms + 5);
  node.clock.now_ms += 10;
  const auto version_of_all = [&] {
    std::string versions;
    for (int i = 0; i < kKeys; ++i) {
      CHECK_FALSE(get(node, prefix + std::to_string(i)).has_value());
      versions += state_of(node, prefix + std::to_string(i));
    }
    return versions;
  };
  const std::string before = version_of_all();
  CHECK((records() - empty) / kKeys <= 48 + prefix.size() + 4);
  REQUIRE(node.engine().checkpoint().ok());
  node.crash();
  CHECK(records() == empty);
  CHECK(version_of_all() == before);
  CHECK((records() - empty) / kKeys <= 48 + prefix.size() + 4);
  // It goes by the deadline, not by the stamp of the value.
  node.clock.now_ms += 10;
  settle_up_to(node, "{p}", promised(node));
  CHECK(reap_all(node, "{p}") == kKeys);
}

TEST_CASE("settled: a partition that has changed since it was looked at is not settled") {
  TestNode node(1000, true, true);
  const uint16_t partition = Key("k").partition;
  const uint32_t before = change_count(node.engine(), partition);
  set(node, "k", "v");
  CHECK_FALSE(settle(node.engine(), partition, promised(node), before, node.clock.now_ms));
  CHECK(settled_up_to(node.engine(), partition) == 0);
}

TEST_CASE(
    "settled: a stamp that was promised is not made again, though the clock went back and power failed") {
  for (const bool stored : {false, true}) {
    TestNode node(1000, true, true);
    const Stamp stamp = promised(node);
    REQUIRE(node.engine().commit().ok());
    if (stored) REQUIRE(node.engine().checkpoint().ok());
    node.clock.now_ms -= 3'600'000;
    node.crash();
    set(node, "k", "v");
    Record record;
    REQUIRE(decode_record(bare(node, "k"), &record).ok());
    CHECK(record.context().entries()[0].stamp > stamp);
  }
}

TEST_CASE("settled: a delta whose author has settled more is not taken where it may not say all") {
  Pair pair;
  add(pair.a, "s", "old");
  pair.exchange("s");
  const TestNode::Image before = [&] {
    REQUIRE(pair.b.engine().commit().ok());
    return pair.b.image();
  }();
  remove(pair.a, "s");
  pair.exchange("s");
  settle_up_to(pair.a, "s", pair.stamp());
  CHECK(reap_all(pair.a, "s") == 1);
  add(pair.a, "s", "one");
  add(pair.a, "s", "two");
  ChangeList changes;
  pair.a.with_operation("s", 0, [&](Operation& operation, const Key& key) {
    operation.capture(&changes);
    operation.database(0).open(key, Type::kSet).put("three", "");
  });
  REQUIRE(changes.size() == 1);
  REQUIRE(changes[0].kind == ChangeKind::kDelta);
  TestNode lost(3000, before, true);
  lost.with_operation("s", 0, [&](Operation& operation, const Key& key) {
    CHECK(Replica(operation, 0).merge_delta(key, changes[0].bytes) == MergeOutcome::kGap);
  });
  pair.b.with_operation("s", 0, [&](Operation& operation, const Key& key) {
    CHECK(Replica(operation, 0).merge_delta(key, changes[0].bytes) == MergeOutcome::kGap);
  });
}

TEST_CASE("settled: contexts with a floor") {
  VersionVector context{{5, 1}, {9, 2}};
  context.raise_floor(6);
  CHECK(context.size() == 2);
  CHECK(context.covers(Dot{6, 77}));
  CHECK_FALSE(context.covers(Dot{7, 77}));
  CHECK(context.covers(Dot{9, 2}));
  CHECK(context.stamp_of(1) == 6);
  context.add({6, 3});
  CHECK(context.size() == 2);
  VersionVector other{{7, 3}};
  CHECK(context.compare(other) == Order::kConcurrent);
  other.join(context);
  CHECK(other.covers(context));
  CHECK(other.floor() == 6);
  std::string bytes;
  encode_context(other, &bytes);
  VersionVector read;
  REQUIRE(decode_context(bytes, 10, &read).ok());
  CHECK(read == other);
  VersionVector plain{{3, 1}};
  CHECK(VersionVector{}.covers(plain, 3));
  CHECK_FALSE(VersionVector{}.covers(plain, 2));
}

}  // namespace starling::engine
