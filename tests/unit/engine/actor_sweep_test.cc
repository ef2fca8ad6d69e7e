// More actors than there are indexes.
#include "engine/node/actor_sweep.h"

#include <doctest/doctest.h>

#include "engine/base/simple_codec.h"
#include "engine/memory/collection.h"
#include "engine/record/counter.h"
#include "engine/record/record_codec.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr ActorId kFirst = 1'000'000;
// Of actors that have an index in one place only: as the base of a counter, or for one field.
constexpr ActorId kFirstOther = 2'000'000;

// No threads: these tests sweep themselves.
struct Node {
  TestNode node{7, false, true, false};
  ActorSweep sweep{node.engine().core()};
  ActorTable& actors = node.engine().core().keyspace.actors;
  const Stamp first_stamp = stamp_at(node.clock.now_ms);

  MergeOutcome merge(const std::string& name, std::string_view state) {
    MergeOutcome outcome{};
    node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
      outcome = Replica(operation, 0).merge_state(key, state);
    });
    return outcome;
  }
  std::string string_of(uint64_t number) const {
    std::string state;
    encode_simple_string(kFirst + number, first_stamp + number, 0, "value", &state);
    return state;
  }
  void flush() {
    Operation operation(node.engine(), node.clock.now_ms);
    operation.lock_all();
    operation.flush_database(0);
    operation.finish();
  }
};

// The number-th event of the key, by an actor of its own, which has seen all earlier ones. Of all shapes that have an
// index somewhere else.
Record overwritten(uint64_t number, const Record& before, Stamp stamp) {
  const Dot dot{stamp, kFirst + number};
  const Dot other{stamp - 1, kFirstOther + number};
  VersionVector context = before.context();
  context.add(dot);
  if (number % 3 == 2) context.add(other);
  RecordAssembly assembly(std::move(context));
  const std::string text = std::to_string(number);
  bool added = true;
  if (number % 3 == 0) {
    added = assembly.add(ElementKind::kValue, "", {{dot, text, 0, false}});
  } else if (number % 3 == 1) {
    const Contribution own{other, 5, 3};
    added = assembly.add(ElementKind::kField, "n", {{dot, encode_contribution(own), 0, false, Join::kSum}});
  } else {
    added = assembly.add(ElementKind::kField, "f", {{dot, text, 0, false}}) &&
            assembly.add(ElementKind::kField, "g", {{other, text, 0, false}});
  }
  REQUIRE(added);
  return assembly.take();
}

}  // namespace

TEST_CASE("actors: a hundred thousand that overwrite each other's records never fill the table") {
  Node node;
  constexpr size_t kKeys = 2000;
  std::vector<Record> records(kKeys);
  uint32_t most = 0;
  for (uint64_t number = 0; number < 100'000; ++number) {
    Record& record = records[number % kKeys];
    record = overwritten(number, record, node.first_stamp + number);
    std::string state;
    encode_record(record, &state);
    REQUIRE(node.merge("key:" + std::to_string(number % kKeys), state) == MergeOutcome::kApplied);
    most = std::max(most, node.actors.size());
    if (number % 5 == 0) node.sweep.go_on(0);  // Records change while it is under way.
  }
  CHECK(most >= ActorTable::kCrowded);
  CHECK(most < ActorTable::kCapacity - ActorTable::kReserved);
  // Once more, with all that it frees given to others.
  for (ActorId id = 1; !node.actors.crowded(); ++id) (void)node.actors.index_of(id);
  node.sweep.run_if_crowded();
  CHECK(node.actors.size() < 3 * kKeys);
  for (ActorId id = 100'000; node.actors.take(id); ++id) {
  }
  // Whose the records are is known of all of them.
  for (size_t i = 0; i < kKeys; ++i) {
    REQUIRE(state_of(node.node, "key:" + std::to_string(i)) ==
            state_bytes(records[i], node.node.clock.now_ms));
  }
}

TEST_CASE("actors: with all indexes in use another actor's record is refused, and taken once there is room") {
  Node node;
  uint64_t number = 0;
  const auto name = [](uint64_t n) { return "key:" + std::to_string(n); };
  while (node.merge(name(number), node.string_of(number)) == MergeOutcome::kApplied) {
    ++number;
    node.sweep.go_on(1'000'000);
  }
  // One index is the node's own.
  CHECK(number == ActorTable::kCapacity - ActorTable::kReserved - 1);
  CHECK(node.merge(name(number), node.string_of(number)) == MergeOutcome::kTooManyActors);
  CHECK(state_of(node.node, name(number)).empty());
  Record record = overwritten(number, Record(), node.first_stamp + number);
  std::string state;
  encode_record(record, &state);
  CHECK(node.merge("another", state) == MergeOutcome::kTooManyActors);
  Delta delta;
  delta.after = record.context();
  delta.supersedes = record.context();
  delta.touched = record.elements();
  std::string bytes;
  encode_delta(delta, &bytes);
  node.node.with_operation("another", 0, [&](Operation& operation, const Key& key) {
    CHECK(Replica(operation, 0).merge_delta(key, bytes) == MergeOutcome::kTooManyActors);
  });
  CHECK(state_of(node.node, "another").empty());
  // A counter's base has an actor as well.
  const Contribution own{{node.first_stamp, kFirst + number + 1}, 5, 3};
  std::string counter;
  encode_simple_counter(kFirst, node.first_stamp + number, 0, encode_contribution(own), &counter);
  CHECK(node.merge("counter", counter) == MergeOutcome::kTooManyActors);
  // Who is known is none the worse, nor is the node itself.
  CHECK(node.merge("another", node.string_of(5)) == MergeOutcome::kApplied);
  node.node.with("own",
                 [](Database& database, const Key& key) { database.put_string(key, "v", kNoDeadline); });

  node.flush();
  node.node.engine().core().keyspace.dropped.clear();
  node.sweep.run_if_crowded();
  CHECK(node.actors.size() == 1);
  CHECK(node.merge(name(number), node.string_of(number)) == MergeOutcome::kApplied);
  CHECK(node.merge("counter", counter) == MergeOutcome::kApplied);
}

TEST_CASE("actors: elements of a collection that moves away from a sweep keep theirs") {
  TestNode node(7, true, false, false);
  const std::string from = "from", to = "to";
  node.with(from, [](Database& database, const Key& key) { database.open(key, Type::kHash).put("f", "v"); });
  REQUIRE(node.engine().commit().ok());
  const ActorId first = node.actor();
  node.crash();
  EngineCore& core = node.engine().core();
  ActorTable& actors = core.keyspace.actors;
  REQUIRE(core.actor != first);
  actors.begin_sweep();
  actors.keep(core.actor_index);
  node.with_both({0, Key(from)}, {0, Key(to)},
                 [&](Database& database, Database& target) { database.move(Key(from), target, Key(to)); });
  core.keyspace.stripes.lock_all();
  actors.end_sweep();
  core.keyspace.stripes.unlock_all();
  (void)actors.index_of(first + 1000);  // Takes what was freed.
  node.with(to, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    REQUIRE(found);
    const Table& elements = found.collection().elements();
    for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
      if (elements.entry(i) != nullptr) CHECK(actors.id_of(elements.entry(i)->actor()) == first);
    }
  });
}

}  // namespace starling::engine
