// Writes that another one hides though its author had not seen it: who merges them tells, who made them makes
// them anew.
#include <doctest/doctest.h>

#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

// What one node changed of a key, as it ships it.
struct Shipped {
  ChangeKind kind{};
  std::string bytes;
};

Shipped change(TestNode& node, const std::string& name,
               const std::function<void(Database&, const Key&)>& work) {
  ChangeList list;
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    operation.capture(&list);
    Database database = operation.database(0);
    work(database, key);
  });
  REQUIRE(list.size() == 1);
  return {list[0].kind, std::string(list[0].bytes)};
}

Shipped set(TestNode& node, const std::string& value) {
  return change(node, "k",
                [&](Database& database, const Key& key) { database.put_string(key, value, kNoDeadline); });
}

Shipped put(TestNode& node, const std::string& field, const std::string& value) {
  return change(node, "h", [&](Database& database, const Key& key) {
    database.open(key, Type::kHash).put(field, value);
  });
}

Stamp merge(TestNode& node, const std::string& name, const Shipped& shipped) {
  Stamp overruled = 77;
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    Replica replica(operation, 0);
    const MergeOutcome outcome = shipped.kind == ChangeKind::kDelta
                                     ? replica.merge_delta(key, shipped.bytes, &overruled)
                                     : replica.merge_state(key, shipped.bytes, &overruled);
    REQUIRE((outcome == MergeOutcome::kApplied || outcome == MergeOutcome::kUnchanged));
  });
  return overruled;
}

// What is to be shipped instead; nothing when there is nothing left of it.
std::optional<Shipped> restamp(TestNode& node, const std::string& name, const Shipped& shipped, Stamp above) {
  REQUIRE(observe_stamp(node.engine(), above, node.clock.now_ms).ok());
  ChangeList list;
  bool changed = false;
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    operation.capture(&list);
    changed = Replica(operation, 0).restamp(key, shipped.bytes, shipped.kind);
  });
  CHECK(changed == (list.size() == 1));
  if (!changed) return std::nullopt;
  return Shipped{list[0].kind, std::string(list[0].bytes)};
}

std::string shown(TestNode& node, const std::string& name = "k") {
  Record record;
  const std::string bytes = state_of(node, name);
  REQUIRE(decode_record(bytes, &record).ok());
  return record.string(node.clock.now_ms).value_or("(none)");
}

struct Nodes {
  // The first one's clock is 20 s ahead.
  Nodes() { ahead.clock.now_ms += 20'000; }
  TestNode ahead{1000, true, true}, behind{2000, true, true}, third{3000, true, true};
};

}  // namespace

TEST_CASE("a value that a greater stamp hides is told of, and shows once it was made anew") {
  Nodes n;
  CHECK(merge(n.third, "k", set(n.ahead, "first")) == 0);
  const Shipped second = set(n.behind, "second");
  const Stamp stamp = merge(n.third, "k", second);
  REQUIRE(stamp != 0);
  CHECK(shown(n.third) == "first");
  // The same when it comes once more, or came by another way.
  CHECK(merge(n.third, "k", second) == stamp);
  const std::optional<Shipped> again = restamp(n.behind, "k", second, stamp);
  REQUIRE(again.has_value());
  CHECK(merge(n.third, "k", *again) == 0);
  CHECK(shown(n.third) == "second");
  // Both wrote without seeing the other: both are there.
  Record record;
  REQUIRE(decode_record(state_of(n.third, "k"), &record).ok());
  CHECK(record.live_values(n.third.clock.now_ms).size() == 2);
}

TEST_CASE("a delete, too") {
  Nodes n;
  CHECK(merge(n.third, "k", set(n.ahead, "first")) == 0);
  (void)set(n.behind, "older");
  const Shipped gone =
      change(n.behind, "k", [](Database& database, const Key& key) { CHECK(database.remove(key)); });
  const Stamp stamp = merge(n.third, "k", gone);
  REQUIRE(stamp != 0);
  REQUIRE(merge(n.third, "k", *restamp(n.behind, "k", gone, stamp)) == 0);
  CHECK(shown(n.third) == "(none)");
}

TEST_CASE("a field, in a small hash and in a delta of a big one") {
  for (const int others : {1, 50}) {
    CAPTURE(others);
    Nodes n;
    for (int i = 0; i < others; ++i) (void)put(n.ahead, "f" + std::to_string(i), "x");
    const Shipped base{ChangeKind::kState, state_of(n.ahead, "h")};
    CHECK(merge(n.third, "h", base) == 0);
    CHECK(merge(n.behind, "h", base) == 0);
    n.ahead.clock.now_ms += 5;
    CHECK(merge(n.third, "h", put(n.ahead, "f", "first")) == 0);
    const Shipped second = put(n.behind, "f", "second");
    const Stamp stamp = merge(n.third, "h", second);
    REQUIRE(stamp != 0);
    CHECK(merge(n.third, "h", second) == stamp);
    CHECK(merge(n.third, "h", *restamp(n.behind, "h", second, stamp)) == 0);
  }
}

TEST_CASE("what its author had seen, or another member, or another contribution, hides nothing") {
  Nodes n;
  const Shipped first = set(n.ahead, "first");
  merge(n.behind, "k", first);
  merge(n.third, "k", first);
  CHECK(merge(n.third, "k", set(n.behind, "second")) == 0);

  const auto add = [](Database& database, const Key& key) { database.open(key, Type::kSet).put("m", ""); };
  CHECK(merge(n.third, "s", change(n.ahead, "s", add)) == 0);
  TestNode fresh(4000, true, true);
  CHECK(merge(n.third, "s", change(fresh, "s", add)) == 0);

  const auto increment = [](Database& database, const Key& key) { (void)database.add(key, 0, 1); };
  CHECK(merge(n.third, "c", change(n.ahead, "c", increment)) == 0);
  CHECK(merge(n.third, "c", change(fresh, "c", increment)) == 0);
}

TEST_CASE("what was superseded is not made anew") {
  Nodes n;
  const Shipped old = set(n.behind, "old");
  (void)set(n.behind, "new");
  CHECK_FALSE(restamp(n.behind, "k", old, 1).has_value());
  CHECK(shown(n.behind) == "new");
}

TEST_CASE("a value is made anew beside one from far ahead, taken while the time was not known") {
  Nodes n;
  n.ahead.clock.now_ms += 3'600'000;
  trust_stamps(n.behind.engine(), true);
  const Shipped second = set(n.behind, "second");
  const Stamp stamp = merge(n.behind, "k", set(n.ahead, "first"));
  CHECK(stamp == 0);
  CHECK(restamp(n.behind, "k", second, last_stamp(n.ahead.engine())).has_value());
  CHECK(shown(n.behind) == "first");
  Record record;
  REQUIRE(decode_record(state_of(n.behind, "k"), &record).ok());
  CHECK(record.live_values(n.behind.clock.now_ms).size() == 2);
}

TEST_CASE("a write of VCLOCK is captured as one whose dot its client knows") {
  Nodes n;
  ChangeList list;
  n.behind.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    operation.capture(&list);
    CHECK(Replica(operation, 0).set(key, {}, "v", kNoDeadline, 10) == VclockOutcome::kApplied);
  });
  REQUIRE(list.size() == 1);
  CHECK(list[0].kind == ChangeKind::kTold);
}

TEST_CASE("a restamped record survives a crash") {
  Nodes n;
  CHECK(merge(n.third, "k", set(n.ahead, "first")) == 0);
  const Shipped second = set(n.behind, "second");
  const Stamp stamp = merge(n.third, "k", second);
  REQUIRE(restamp(n.behind, "k", second, stamp).has_value());
  const std::string before = state_of(n.behind, "k");
  REQUIRE(n.behind.engine().commit().ok());
  n.behind.crash();
  CHECK(state_of(n.behind, "k") == before);
}

}  // namespace starling::engine
