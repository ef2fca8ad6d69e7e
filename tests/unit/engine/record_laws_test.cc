// The laws of the lattice, over states that random histories reach.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/record/record.h"
#include "engine/record/record_codec.h"
#include "tests/unit/engine/histories.h"

namespace starling::engine {
namespace {

using testing::History;

constexpr int kHistories = 300;
constexpr int kSteps = 60;

Record merged(Record a, const Record& b) {
  a.merge(b);
  return a;
}

std::string bytes_of(const Record& record) {
  std::string bytes;
  if (!record.context().empty()) encode_record(record, &bytes);
  return bytes;
}

// a <= b in the lattice.
bool at_most(const Record& a, const Record& b) {
  return merged(a, b) == b;
}

void for_each_history(const std::function<void(History&)>& check) {
  const uint64_t seed = testing::test_seed();
  INFO("STARLING_SEED=" << seed);
  for (int i = 0; i < kHistories; ++i) {
    History history(seed + i, 2 + i % 4);
    history.steps(kSteps);
    check(history);
  }
}

const Record& any_state(History& history) {
  return history.states()[history.random().below(history.states().size())].record;
}

TEST_CASE("merge is commutative, associative and idempotent, and only goes up") {
  for_each_history([](History& history) {
    for (int i = 0; i < 30; ++i) {
      const Record& a = any_state(history);
      const Record& b = any_state(history);
      const Record& c = any_state(history);
      const Record ab = merged(a, b);
      REQUIRE(ab == merged(b, a));
      REQUIRE(merged(ab, c) == merged(a, merged(b, c)));
      REQUIRE(merged(a, a) == a);
      REQUIRE(at_most(a, ab));
      REQUIRE(at_most(b, ab));
      REQUIRE(merged(ab, a) == ab);
      REQUIRE(ab.context().covers(a.context()));
      // The context tells all: equal ones mean equal records, and a later one a later record.
      if (a.context() == b.context()) REQUIRE(a == b);
      if (a.context().covers(b.context())) REQUIRE(at_most(b, a));
    }
  });
}

TEST_CASE("a merge makes no event") {
  for_each_history([](History& history) {
    const Record& a = any_state(history);
    const Record& b = any_state(history);
    VersionVector both = a.context();
    both.join(b.context());
    const Record ab = merged(a, b);
    REQUIRE(ab.context() == both);
    const auto of_a = History::held(a);
    const auto of_b = History::held(b);
    for (const auto& place : History::held(ab)) REQUIRE((of_a.contains(place) || of_b.contains(place)));
  });
}

TEST_CASE("no update is lost and nothing comes back: replicas hold what the sets of events say") {
  uint64_t siblings = 0, gaps = 0;
  for_each_history([&](History& history) {
    for (const auto& replica : history.replicas()) {
      REQUIRE(History::held(replica.record) == history.expected(replica.heard));
    }
    history.settle();
    for (const auto& replica : history.replicas()) {
      REQUIRE(History::held(replica.record) == history.expected(replica.heard));
      for (const auto& [id, at] : replica.record.elements()) siblings += at.size() - 1;
    }
    gaps += history.gaps();
  });
  // The histories are worth something: they made conflicts, and deltas that came too early.
  CHECK(siblings > 100);
  CHECK(gaps > 100);
}

TEST_CASE("replicas that have exchanged everything hold the same bytes and show the same") {
  for_each_history([](History& history) {
    history.settle();
    const Record& first = history.replicas()[0].record;
    for (const auto& replica : history.replicas()) {
      REQUIRE(bytes_of(replica.record) == bytes_of(first));
      for (const int64_t now_ms : {history.now_ms(), history.now_ms() + 150, history.now_ms() + 1000}) {
        REQUIRE(replica.record.type(now_ms) == first.type(now_ms));
        REQUIRE(replica.record.string(now_ms) == first.string(now_ms));
        REQUIRE(replica.record.deadline_ms(now_ms) == first.deadline_ms(now_ms));
      }
    }
  });
}

TEST_CASE("any order of delivery, with any repetition, makes the same bytes") {
  for_each_history([](History& history) {
    std::vector<const Record*> messages;
    for (const auto& state : history.states()) messages.push_back(&state.record);
    std::string expected;
    for (int order = 0; order < 3; ++order) {
      std::vector<const Record*> sent = messages;
      for (size_t i = 0; i < messages.size() / 2; ++i)
        sent.push_back(messages[history.random().below(messages.size())]);
      for (size_t i = sent.size(); i > 1; --i) std::swap(sent[i - 1], sent[history.random().below(i)]);
      Record record;
      for (const Record* message : sent) record.merge(*message);
      if (order == 0) expected = bytes_of(record);
      REQUIRE(bytes_of(record) == expected);
    }
  });
}

TEST_CASE("deltas in order make the same record as merges") {
  const uint64_t seed = testing::test_seed();
  INFO("STARLING_SEED=" << seed);
  for (int i = 0; i < kHistories; ++i) {
    History history(seed + i, 1);
    Record copy;
    history.steps(kSteps);
    for (const auto& shipped : history.shipped()) {
      REQUIRE(apply_delta(shipped.delta, &copy) == DeltaOutcome::kApplied);
      REQUIRE(copy == shipped.after.record);
      REQUIRE(apply_delta(shipped.delta, &copy) == DeltaOutcome::kApplied);
      REQUIRE(copy == shipped.after.record);
    }
  }
}

TEST_CASE("merging element by element is merging") {
  for_each_history([](History& history) {
    const Record& a = any_state(history);
    const Record& b = any_state(history);
    Record ab = merged(a, b);
    std::set<ElementId> ids;
    for (const Record* record : {&a, &b}) {
      for (const auto& [id, siblings] : record->elements()) ids.insert(id);
    }
    RecordAssembly assembly(ab.context());
    const auto siblings_of = [](const Record& record, const ElementId& id) {
      const auto place = record.elements().find(id);
      return place == record.elements().end() ? Siblings() : place->second;
    };
    for (const ElementId& id : ids) {
      Siblings siblings = merge_siblings(siblings_of(a, id), a.context(), siblings_of(b, id), b.context());
      if (!siblings.empty()) REQUIRE(assembly.add(id.kind, id.name, std::move(siblings)));
    }
    REQUIRE(assembly.take() == ab);
  });
}

}  // namespace
}  // namespace starling::engine
