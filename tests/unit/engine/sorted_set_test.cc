// Sorted sets against a model, on a node alone and in a cluster: over crashes, checkpoints and evictions.
#include "engine/types/sorted_set/sorted_set.h"

#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/change_list.h"
#include "engine/record/score.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Scores = std::map<std::string, double>;
using Ordered = std::vector<std::pair<double, std::string>>;

Ordered ordered(const Scores& scores) {
  std::set<std::pair<double, std::string>> pairs;
  for (const auto& [member, score] : scores) pairs.emplace(score, member);
  return {pairs.begin(), pairs.end()};
}

// The view says what the model says, by each way of asking.
void check(const SortedSetView& view, const Scores& scores, SeededRandom& random) {
  const Ordered expected = ordered(scores);
  REQUIRE(view.size() == expected.size());
  Ordered seen;
  view.walk(0, view.size(), [&](const ScoredMember& each) {
    seen.emplace_back(each.score, each.member);
    return true;
  });
  REQUIRE(seen == expected);
  for (uint64_t rank = 0; rank < expected.size(); ++rank) {
    const auto& [score, member] = expected[rank];
    REQUIRE(view.score(member) == score);
    REQUIRE(view.rank(member) == rank);
    REQUIRE(view.at(rank).member == member);
  }
  REQUIRE_FALSE(view.score("nobody").has_value());
  REQUIRE_FALSE(view.rank("nobody").has_value());
  const uint64_t first = random.below(expected.size());
  uint64_t left = first + 1;
  view.walk_back(first, left, [&](const ScoredMember& each) {
    REQUIRE(each.member == expected[--left].second);
    return left > first / 2;
  });
  const double bound = expected[first].first;
  uint64_t below = 0, up_to = 0;
  for (const auto& [score, member] : expected) {
    below += score < bound;
    up_to += score <= bound;
  }
  REQUIRE(view.count_below(bound, false) == below);
  REQUIRE(view.count_below(bound, true) == up_to);
  REQUIRE(view.count_below(-kInfinity, false) == 0);
  REQUIRE(view.count_below(kInfinity, true) == expected.size());
}

void check(TestNode& node, const std::map<std::string, Scores>& model, SeededRandom& random) {
  for (const auto& each : model) {
    const std::string& name = each.first;
    const Scores& scores = each.second;
    CAPTURE(name);
    node.with(name, [&](Database& database, const Key& key) {
      const Found found = database.find(key);
      REQUIRE(static_cast<bool>(found) == !scores.empty());
      if (found) check(SortedSetView(found.collection()), scores, random);
    });
  }
}

class SortedSetRun {
 public:
  SortedSetRun(uint64_t seed, bool replicated) : node(seed * 1000, true, replicated), random(seed) {
    for (const char* name : {"a", "b", "c"}) model[name];
  }

  void change() {
    auto at = model.begin();
    std::advance(at, random.below(model.size()));
    node.with(at->first, [&](Database& database, const Key& key) { change(&at->second, database, key); });
  }

  TestNode node;
  SeededRandom random;
  std::map<std::string, Scores> model;

 private:
  std::string member() { return "m" + std::to_string(random.below(120)); }

  double score() {
    switch (random.below(8)) {
      case 0:
        return kInfinity;
      case 1:
        return -kInfinity;
      case 2:
        return static_cast<double>(random.below(1'000'000)) / 7;
      default:
        return static_cast<double>(random.below(9)) - 4;
    }
  }

  void change(Scores* scores, Database& database, const Key& key) {
    switch (random.below(8)) {
      case 0:
        return make_apart(scores, database, key);
      case 1:
        REQUIRE(database.remove(key) == !scores->empty());
        return scores->clear();
      case 2:
        return remove_range(scores, database, key);
      case 3:
      case 4:
        return remove(scores, database, key);
      default:
        return put(scores, database, key);
    }
  }

  void put(Scores* scores, Database& database, const Key& key) {
    SortedSet set(database, key);
    for (uint64_t i = 1 + random.below(30); i > 0; --i) {
      const std::string name = member();
      const double value = score();
      REQUIRE(set.put(name, value) == !scores->contains(name));
      (*scores)[name] = value;
    }
    check(set.view(), *scores, random);
  }

  void remove(Scores* scores, Database& database, const Key& key) {
    if (scores->empty()) return;
    SortedSet set(database, key);
    for (uint64_t i = 1 + random.below(30); i > 0 && !scores->empty(); --i) {
      const std::string name = member();
      REQUIRE(set.remove(name) == (scores->erase(name) != 0));
    }
  }

  void remove_range(Scores* scores, Database& database, const Key& key) {
    if (scores->empty()) return;
    const Ordered before = ordered(*scores);
    const uint64_t first = random.below(before.size());
    const uint64_t count = random.below(before.size() - first) + 1;
    SortedSet(database, key).remove_range(first, count);
    for (uint64_t i = first; i < first + count; ++i) scores->erase(before[i].second);
  }

  void make_apart(Scores* scores, Database& database, const Key& key) {
    const bool existed = !scores->empty();
    scores->clear();
    SortedSetMaker maker(random.below(50));
    for (uint64_t i = 1 + random.below(100); i > 0; --i) {
      const std::string name = member();
      const double value = score();
      REQUIRE(maker.score(name).has_value() == scores->contains(name));
      REQUIRE(maker.put(name, value) == !scores->contains(name));
      (*scores)[name] = value;
    }
    REQUIRE(maker.size() == scores->size());
    REQUIRE(database.put_collection(key, maker.take()) == existed);
  }
};

uint64_t event_of(TestNode& node) {
  uint64_t version = 0;
  node.with("key", [&](Database& database, const Key& key) { version = database.find(key).version(); });
  return version;
}

}  // namespace

TEST_CASE("random sorted sets are what a model says, over crashes, checkpoints and evictions") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(12); ++seed) {
    CAPTURE(seed);
    SortedSetRun run(seed, seed % 2 == 0);
    for (int step = 0; step < 120; ++step) {
      run.change();
      switch (run.random.below(20)) {
        case 0:
          REQUIRE(run.node.engine().commit().ok());
          run.node.crash();
          break;
        case 1:
          REQUIRE(run.node.engine().checkpoint().ok());
          break;
        case 2:
          REQUIRE(run.node.engine().checkpoint().ok());
          run.node.evict_everything();
          break;
        case 3:
          run.node.restart_cleanly();
          break;
        case 4:
          run.node.pack();
          break;
        default:
          continue;
      }
      check(run.node, run.model, run.random);
    }
    check(run.node, run.model, run.random);
  }
}

TEST_CASE("a score that is there already is no event") {
  TestNode node(1, true, true);
  node.with("key", [](Database& database, const Key& key) { SortedSet(database, key).put("m", 1.5); });
  const uint64_t before = event_of(node);
  node.with("key",
            [](Database& database, const Key& key) { CHECK_FALSE(SortedSet(database, key).put("m", 1.5)); });
  CHECK(event_of(node) == before);
  node.with("key",
            [](Database& database, const Key& key) { CHECK_FALSE(SortedSet(database, key).put("m", 2)); });
  CHECK(event_of(node) != before);
}

TEST_CASE("in a cluster a new member of a large sorted set is shipped alone, and replicas come to the same") {
  static constexpr int kMembers = 20'000;
  TestNode node(2, true, true), peer(3, true, true);
  const auto change = [&](auto work) {
    ChangeList changes;
    node.with_operation("key", 0, [&](Operation& operation, const Key& key) {
      operation.capture(&changes);
      Database database = operation.database(0);
      work(database, key);
    });
    REQUIRE(changes.size() == 1);
    peer.with_operation("key", 0, [&](Operation& operation, const Key& key) {
      Replica replica(operation, 0);
      const std::string_view bytes = changes[0].bytes;
      REQUIRE((changes[0].kind == ChangeKind::kDelta
                   ? replica.merge_delta(key, bytes)
                   : replica.merge_state(key, bytes)) == MergeOutcome::kApplied);
    });
    return std::make_pair(changes[0].kind, changes[0].bytes.size());
  };
  change([](Database& database, const Key& key) {
    SortedSetMaker maker(kMembers);
    for (int i = 0; i < kMembers; ++i) maker.put("member:" + std::to_string(i), i % 1000);
    database.put_collection(key, maker.take());
  });
  const std::pair<ChangeKind, size_t> added =
      change([](Database& database, const Key& key) { SortedSet(database, key).put("another", 0.5); });
  CHECK(added.first == ChangeKind::kDelta);
  CHECK(added.second < 200);
  const std::pair<ChangeKind, size_t> moved =
      change([](Database& database, const Key& key) { SortedSet(database, key).put("member:7", -1); });
  CHECK(moved.second < 200);
  const std::pair<ChangeKind, size_t> removed =
      change([](Database& database, const Key& key) { SortedSet(database, key).remove("member:8"); });
  CHECK(removed.second < 200);
  peer.with("key", [](Database& database, const Key& key) {
    const SortedSetView view(database.find(key).collection());
    CHECK(view.size() == kMembers);
    CHECK(view.rank("member:7") == 0);
    CHECK(view.rank("another") == 1 + kMembers / 1000);
    CHECK_FALSE(view.score("member:8").has_value());
  });
  CHECK(state_of(peer, "key") == state_of(node, "key"));
}

}  // namespace starling::engine
