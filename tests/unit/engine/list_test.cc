// Lists against std::deque, by random verbs; and what becomes of them when they merge.
#include "engine/types/list/list.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "engine/memory/collection.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/disturbed_run.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {
namespace {

using Items = std::deque<std::string>;

Items items_of(TestNode& node, const std::string& name) {
  Items items;
  node.with(name, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    if (!found) return;
    REQUIRE(found.type() == Type::kList);
    found.collection().order().check();
    const ListView list(found.collection());
    list.walk(0, list.size(), [&](std::string_view item) {
      items.emplace_back(item);
      return true;
    });
    REQUIRE(items.size() == list.size());
    Items backwards;
    list.walk_back(list.size() - 1, list.size(), [&](std::string_view item) {
      backwards.emplace_front(item);
      return true;
    });
    REQUIRE(backwards == items);
    for (size_t i = 0; i < items.size(); ++i) REQUIRE(list.at(i) == items[i]);
  });
  return items;
}

class ListRun {
 public:
  ListRun(uint64_t seed, bool replicated) : node_(seed * 1000, true, replicated), random_(seed) {}

  void step() {
    const std::string name = "list" + std::to_string(random_.below(3));
    Items& model = models_[name];
    node_.with(name, [&](Database& database, const Key& key) { change(database, key, model); });
  }
  void check() {
    for (const auto& [name, model] : models_) REQUIRE(items_of(node_, name) == model);
  }
  TestNode& node() { return node_; }

 private:
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  std::string text() {
    if (below(30) == 0) return std::string(5000, 'b');
    return "item" + std::to_string(below(50));
  }

  void change(Database& database, const Key& key, Items& model) {
    const uint64_t choice = below(model.empty() ? 3 : 8);
    if (choice < 2) {
      std::vector<std::string> texts;
      for (uint64_t i = 1 + below(below(10) == 0 ? 100 : 5); i > 0; --i) texts.push_back(text());
      const std::vector<std::string_view> items(texts.begin(), texts.end());
      List(database, key).push(choice == 0 ? ListEnd::kFront : ListEnd::kBack, items);
      for (const std::string& item : texts) {
        if (choice == 0) model.push_front(item);
        if (choice == 1) model.push_back(item);
      }
    } else if (choice == 2) {
      ListMaker maker(database.operation().birth(), 10);
      model.clear();
      for (uint64_t i = 1 + below(20); i > 0; --i) {
        model.push_back(text());
        maker.add(model.back());
      }
      database.put_collection(key, maker.take());
    } else if (choice < 5) {
      const uint64_t index = below(model.size() + 1);
      const std::string item = text();
      List(database, key).insert(index, item);
      model.insert(model.begin() + static_cast<std::ptrdiff_t>(index), item);
    } else if (choice == 5) {
      const uint64_t index = below(model.size());
      model[index] = text();
      List(database, key).set(index, model[index]);
    } else {
      const uint64_t first = below(model.size()),
                     count = 1 + below(std::min<uint64_t>(4, model.size() - first));
      const bool gone = List(database, key).remove(first, count);
      const auto from = model.begin() + static_cast<std::ptrdiff_t>(first);
      model.erase(from, from + static_cast<std::ptrdiff_t>(count));
      REQUIRE(gone == model.empty());
    }
  }

  TestNode node_;
  SeededRandom random_;
  std::map<std::string, Items> models_;
};

TEST_CASE("random verbs on lists agree with a deque, over checkpoints, eviction and crashes") {
  run_disturbed<ListRun>(400);
}

TEST_CASE("a list keeps its deadline when its positions are made anew") {
  TestNode node(1);
  node.with("l", [&](Database& database, const Key& key) {
    const std::string_view first[] = {"a", "z"};
    List(database, key).push(ListEnd::kBack, first);
    const int64_t deadline_ms = node.clock.now_ms + 1000;
    database.set_deadline(key, deadline_ms);
    // Each between the two before it: names grow until they are too long.
    for (int i = 0; i < 400; ++i) List(database, key).insert(1 + static_cast<uint64_t>(i) / 2, "m");
    CHECK(database.find(key).collection().size() == 402);
    CHECK(database.find(key).deadline_ms() == deadline_ms);
  });
}

void push(TestNode& node, ListEnd end, const std::vector<std::string_view>& items) {
  node.with("l", [&](Database& database, const Key& key) { List(database, key).push(end, items); });
}

void bring(TestNode& from, TestNode& to) {
  std::string state;
  from.with_operation(
      "l", 0, [&](Operation& operation, const Key& key) { Replica(operation, 0).append_state(key, &state); });
  to.with_operation(
      "l", 0, [&](Operation& operation, const Key& key) { Replica(operation, 0).merge_state(key, state); });
}

TEST_CASE(
    "lists that changed apart merge: what was pushed stays, in each author's order, what was popped goes") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  push(ann, ListEnd::kBack, {"1", "2", "3"});
  bring(ann, bob);
  REQUIRE(items_of(bob, "l") == Items{"1", "2", "3"});
  bob.clock.now_ms += 1;
  push(ann, ListEnd::kBack, {"a1", "a2"});
  push(bob, ListEnd::kBack, {"b1", "b2"});
  push(bob, ListEnd::kFront, {"f"});
  ann.with("l", [](Database& database, const Key& key) { (void)List(database, key).remove(0, 1); });
  bring(ann, bob);
  bring(bob, ann);
  const Items merged{"f", "2", "3", "a1", "a2", "b1", "b2"};
  CHECK(items_of(ann, "l") == merged);
  CHECK(items_of(bob, "l") == merged);
}

TEST_CASE("a change that is merged is told, as any other is") {
  TestNode ann(1000, true, true), bob(2000, true, true);
  push(ann, ListEnd::kBack, {"1"});
  const int before = bob.observer.modifications;
  bring(ann, bob);
  CHECK(bob.observer.modifications > before);
  push(ann, ListEnd::kBack, {"2"});
  const int between = bob.observer.modifications;
  bring(ann, bob);
  CHECK(bob.observer.modifications > between);
}

}  // namespace
}  // namespace starling::engine
