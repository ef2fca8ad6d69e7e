// What an operation would change, found out without changing it.
#include "engine/replica/trial.h"

#include <doctest/doctest.h>

#include <array>

#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

using Work = std::function<void(Database&, const Key&)>;

constexpr ActorId kAttemptActor = 77;

// Tries the work on the key; what came of it, and in *position what finish() answered.
std::vector<Tried> attempt(TestNode& node, const std::string& name, const Work& work,
                           LogPosition* position = nullptr) {
  const Key key(name);
  Operation operation(node.engine(), node.clock.now_ms);
  operation.lock({0, key});
  REQUIRE(operation.resident({0, key}));
  const std::array keys{KeyRef{0, key}};
  REQUIRE(Trial::possible(operation, keys));
  Trial trial(&operation, kAttemptActor, keys);
  Database database = operation.database(0);
  work(database, key);
  std::vector<Tried> tried;
  const bool changes = trial.take_back(&tried);
  CHECK(changes == !tried[0].state.empty());
  const LogPosition end = operation.finish();
  if (position != nullptr) *position = end;
  return tried;
}

void merge(TestNode& node, const Tried& tried) {
  node.with_operation(tried.key, 0, [&](Operation& operation, const Key& key) {
    CHECK(Replica(operation, 0).merge_state(key, tried.state) == MergeOutcome::kApplied);
  });
}

void set(TestNode& node, const std::string& name, const std::string& value,
         int64_t deadline_ms = kNoDeadline) {
  node.with(name, [&](Database& database, const Key& key) { database.put_string(key, value, deadline_ms); });
}

void put(TestNode& node, const std::string& name, int fields) {
  node.with(name, [&](Database& database, const Key& key) {
    for (int i = 0; i < fields; ++i) database.open(key, Type::kHash).put("f" + std::to_string(i), "v");
  });
}

const Work kWorks[] = {
    [](Database& database, const Key& key) { database.put_string(key, "tried", kNoDeadline); },
    [](Database& database, const Key& key) { (void)database.remove(key); },
    [](Database& database, const Key& key) {
      if (const Found found = database.find(key); !found) (void)database.add(key, 0, 1);
    },
    [](Database& database, const Key& key) {
      const Found found = database.find(key);
      if (!found || found.type() != Type::kHash) return;
      database.open(key, Type::kHash).put("f0", "tried");
      database.open(key, Type::kHash).put("new", "tried");
      database.open(key, Type::kHash).remove("f1");
    },
    [](Database& database, const Key& key) { (void)database.set_deadline(key, 1'800'000'000'000); },
    [](Database&, const Key&) {},
};

uint64_t live(TestNode& node) {
  uint64_t count = 0;
  node.with("any", [&](Database& database, const Key&) { count = database.size(); });
  return count;
}

}  // namespace

TEST_CASE("what is tried is taken back: nothing has changed, in memory, in counts and in the log") {
  for (const char* kind : {"absent", "string", "expiring", "deleted", "hash", "siblings"}) {
    int number = 0;
    for (const Work& work : kWorks) {
      CAPTURE(kind);
      CAPTURE(number++);
      TestNode node(1000, true, true), other(2000, true, true);
      const std::string name = "k";
      const std::string_view what = kind;
      if (what == "string" || what == "deleted" || what == "siblings") set(node, name, "before");
      if (what == "expiring") set(node, name, "before", node.clock.now_ms + 60'000);
      if (what == "deleted") node.with(name, [](Database& d, const Key& key) { CHECK(d.remove(key)); });
      if (what == "hash") put(node, name, 3);
      if (what == "siblings") {
        set(other, name, "other");
        merge(node, {0, name, {}, {}, state_of(other, name)});
      }
      REQUIRE(node.engine().commit().ok());
      const std::string before = state_of(node, name);
      const uint64_t count = live(node);
      LogPosition position = 0;
      const std::vector<Tried> tried = attempt(node, name, work, &position);
      CHECK(position == 0);
      CHECK(tried[0].base == version_of(node, name));
      CHECK(state_of(node, name) == before);
      CHECK(live(node) == count);
      REQUIRE(node.engine().checkpoint().ok());
      node.evict_everything();
      CHECK(state_of(node, name) == before);
      node.crash();
      CHECK(state_of(node, name) == before);
      CHECK(live(node) == count);
    }
  }
}

TEST_CASE("what was tried comes to the same as if it had been done, once it is merged") {
  TestNode node(1000, true, true), other(2000, true, true);
  put(node, "h", 3);
  const std::vector<Tried> tried = attempt(node, "h", kWorks[3]);
  merge(node, tried[0]);
  CHECK(version_of(node, "h") == tried[0].after);
  CHECK(state_of(node, "h") == tried[0].state);
  REQUIRE(node.engine().commit().ok());
  node.crash();
  CHECK(state_of(node, "h") == tried[0].state);
  merge(other, tried[0]);
  CHECK(state_of(other, "h") == tried[0].state);
}

TEST_CASE("what changes nothing says so") {
  TestNode node(1000, true, true);
  set(node, "k", "v");
  const std::vector<Tried> tried = attempt(node, "k", kWorks[5]);
  REQUIRE(tried.size() == 1);
  CHECK(tried[0].base == tried[0].after);
  CHECK(tried[0].state.empty());
}

TEST_CASE("what is too big to be put back is not tried") {
  TestNode node(1000, true, true);
  put(node, "h", 2000);
  set(node, "s", std::string(2 << 20, 'x'));
  for (const char* name : {"h", "s"}) {
    node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
      CHECK_FALSE(Trial::possible(operation, std::array{KeyRef{0, key}}));
    });
  }
}

TEST_CASE("what expired before goes, and is logged though nothing was changed") {
  TestNode node(1000, true, true);
  set(node, "k", "v", node.clock.now_ms + 10);
  node.clock.now_ms += 20;
  const std::vector<Tried> tried = attempt(node, "k", kWorks[2]);
  REQUIRE(!tried[0].state.empty());
  CHECK(live(node) == 0);
}

TEST_CASE(
    "what is put back is the whole record, with what it hides, in memory, for other nodes and in the log") {
  for (const char* kind :
       {"absent", "string", "expiring", "deleted", "hash", "siblings", "counter", "fields"}) {
    int number = 0;
    for (const Work& work : kWorks) {
      CAPTURE(kind);
      CAPTURE(number++);
      TestNode node(1000, true, true), other(2000, true, true);
      const std::string name = "k";
      const std::string_view what = kind;
      const auto merge_other = [&] { merge(node, {0, name, {}, {}, state_of(other, name)}); };
      const auto count_up = [](Database& database, const Key& key) { (void)database.add(key, 0, 5); };
      if (what == "string" || what == "deleted" || what == "siblings") set(node, name, "before");
      if (what == "expiring") set(node, name, "before", node.clock.now_ms + 60'000);
      if (what == "deleted") node.with(name, [](Database& d, const Key& key) { CHECK(d.remove(key)); });
      if (what == "hash" || what == "fields") put(node, name, 3);
      if (what == "counter") node.with(name, count_up);
      if (what == "siblings") set(other, name, "other");
      if (what == "counter") other.with(name, count_up);
      if (what == "fields") put(other, name, 2);
      if (what == "siblings" || what == "counter" || what == "fields") merge_other();
      REQUIRE(node.engine().commit().ok());
      const std::string before = state_of(node, name);
      const uint64_t count = live(node);
      ChangeList changes;
      node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
        operation.capture(&changes);
        std::optional<Record> record;
        REQUIRE(Trial::hold(&operation, {0, key}, 1 << 20, &record));
        Database database = operation.database(0);
        if (what == "counter") (void)database.add(key, 10, 1);
        work(database, key);
        work(database, key);
        Trial::put_back(&operation, {0, key}, record);
      });
      CHECK(state_of(node, name) == before);
      CHECK(live(node) == count);
      // Another node that had it as it was learns nothing.
      TestNode third(3000, true, true);
      if (!before.empty()) merge(third, {0, name, {}, {}, before});
      for (size_t i = 0; i < changes.size(); ++i) {
        third.with_operation(name, 0, [&](Operation& operation, const Key& key) {
          Replica replica(operation, 0);
          const MergeOutcome outcome = changes[i].kind == ChangeKind::kDelta
                                           ? replica.merge_delta(key, changes[i].bytes)
                                           : replica.merge_state(key, changes[i].bytes);
          CHECK(outcome == MergeOutcome::kUnchanged);
        });
      }
      CHECK(state_of(third, name) == before);
      REQUIRE(node.engine().commit().ok());
      node.crash();
      CHECK(state_of(node, name) == before);
      CHECK(live(node) == count);
      REQUIRE(node.engine().checkpoint().ok());
      node.evict_everything();
      CHECK(state_of(node, name) == before);
    }
  }
}

TEST_CASE("what is too big is not held") {
  TestNode node(1000, true, true);
  put(node, "h", 100);
  node.with_operation("h", 0, [&](Operation& operation, const Key& key) {
    std::optional<Record> record;
    CHECK_FALSE(Trial::hold(&operation, {0, key}, 100, &record));
  });
}

}  // namespace starling::engine
