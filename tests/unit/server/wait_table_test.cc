#include "server/execute/wait_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/seeded_random.h"
#include "tests/unit/engine/random_run.h"

namespace starling::server {
namespace {

using engine::Type;

class Waits {
 public:
  std::shared_ptr<const Waiter> join(int64_t since_us, uint64_t id, const std::vector<std::string>& keys,
                                     Type type = Type::kList) {
    auto waiter = std::make_shared<Waiter>();
    waiter->since_us = since_us;
    waiter->client_id = id;
    waiter->type = type;
    for (const std::string& key : keys) waiter->keys.emplace_back(0, key);
    waiter->wake = [this, id] { woken_.push_back(id); };
    table.join(waiter);
    return waiter;
  }
  std::vector<uint64_t> woken() { return std::exchange(woken_, {}); }

  WaitTable table;

 private:
  std::vector<uint64_t> woken_;
};

using Ids = std::vector<uint64_t>;

TEST_CASE("a change wakes who has waited longest, once until it rests or leaves") {
  Waits waits;
  const auto late = waits.join(200, 1, {"a"});
  const auto early = waits.join(100, 2, {"a"});
  waits.table.changed(0, "b");
  waits.table.changed(1, "a");
  CHECK(waits.woken().empty());
  waits.table.changed(0, "a");
  waits.table.changed(0, "a");
  CHECK(waits.woken() == Ids{2});
  waits.table.rest(*early);
  CHECK(waits.woken().empty());
  waits.table.changed(0, "a");
  CHECK(waits.woken() == Ids{2});
  // Whether it took something or not: the next one sees to what is left.
  waits.table.leave(*early);
  CHECK(waits.woken() == Ids{1});
  waits.table.leave(*late);
  CHECK(waits.table.size() == 0);
}

TEST_CASE("who leaves without having been woken wakes nobody") {
  Waits waits;
  const auto first = waits.join(1, 1, {"a"});
  const auto second = waits.join(2, 2, {"a"});
  waits.table.leave(*first);
  CHECK(waits.woken().empty());
  waits.table.leave(*second);
}

TEST_CASE("with equal times the client's number decides") {
  Waits waits;
  const auto second = waits.join(5, 8, {"a"});
  const auto first = waits.join(5, 7, {"a"});
  waits.table.changed(0, "a");
  CHECK(waits.woken() == Ids{7});
  waits.table.leave(*first);
  CHECK(waits.woken() == Ids{8});
  waits.table.leave(*second);
}

TEST_CASE("each type has its own order: what serves one is nothing to the other") {
  Waits waits;
  const auto set = waits.join(1, 1, {"a"}, Type::kSortedSet);
  const auto list = waits.join(2, 2, {"a"}, Type::kList);
  waits.table.changed(0, "a");
  Ids woken = waits.woken();
  std::sort(woken.begin(), woken.end());
  CHECK(woken == Ids{1, 2});
  CHECK_FALSE(waits.table.has_ahead(0, "a", Type::kList, list->order(), 1));
  waits.table.leave(*set);
  waits.table.leave(*list);
}

TEST_CASE("who waits for several keys is woken by each, and leaves all") {
  Waits waits;
  const auto both = waits.join(1, 1, {"a", "b"});
  const auto second = waits.join(2, 2, {"b"});
  CHECK(waits.table.size() == 3);
  waits.table.changed(0, "b");
  waits.table.changed(0, "a");
  CHECK(waits.woken() == Ids{1, 1});
  waits.table.leave(*both);
  CHECK(waits.woken() == Ids{2});
  CHECK(waits.table.size() == 1);
  waits.table.leave(*second);
}

TEST_CASE("a database that changes as a whole wakes the first of each of its keys") {
  Waits waits;
  const auto a = waits.join(1, 1, {"a"});
  const auto b = waits.join(2, 2, {"b"});
  const auto behind = waits.join(3, 3, {"b"});
  waits.table.changed_all(1);
  CHECK(waits.woken().empty());
  waits.table.changed_all(0);
  Ids woken = waits.woken();
  std::sort(woken.begin(), woken.end());
  CHECK(woken == Ids{1, 2});
  for (const auto& waiter : {a, b, behind}) waits.table.leave(*waiter);
}

TEST_CASE("a turn: there is something beside what is for those who wait longer") {
  Waits waits;
  CHECK_FALSE(waits.table.has_ahead(0, "a", Type::kList, {100, 1}, 1));
  const auto first = waits.join(10, 1, {"a"});
  const auto second = waits.join(20, 2, {"a"});
  CHECK_FALSE(waits.table.has_ahead(0, "a", Type::kList, {10, 1}, 1));
  CHECK(waits.table.has_ahead(0, "a", Type::kList, {15, 9}, 1));
  CHECK(waits.table.has_ahead(0, "a", Type::kList, {30, 9}, 2));
  CHECK_FALSE(waits.table.has_ahead(0, "a", Type::kList, {30, 9}, 3));
  waits.table.leave(*first);
  waits.table.leave(*second);
}

// Clients that take one item each from lists of numbers: whoever is woken takes or rests.
TEST_CASE("random: nothing lies where somebody waits for it, and each key serves in the order of waiting") {
  for (uint64_t seed = engine::first_seed(); seed < engine::first_seed() + engine::seed_count(); ++seed) {
    CAPTURE(seed);
    engine::SeededRandom random(seed);
    Waits waits;
    std::map<std::string, int> items;
    std::map<uint64_t, std::shared_ptr<const Waiter>> waiting;
    const std::string keys[] = {"a", "b", "c"};
    uint64_t next = 1;
    const auto run_woken = [&] {
      for (Ids woken = waits.woken(); !woken.empty(); woken = waits.woken()) {
        for (const uint64_t id : woken) {
          const auto at = waiting.find(id);
          if (at == waiting.end()) continue;
          const auto& wanted = at->second->keys;
          const auto key = std::find_if(wanted.begin(), wanted.end(),
                                        [&](const auto& name) { return items[name.second] > 0; });
          if (key == wanted.end()) {
            waits.table.rest(*at->second);
            continue;
          }
          const std::string name = key->second;
          for (const auto& [other_id, other] : waiting) {
            const bool same = std::find(other->keys.begin(), other->keys.end(), *key) != other->keys.end();
            CHECK((!same || other_id >= id));
          }
          --items[name];
          waits.table.changed(0, name);
          waits.table.leave(*at->second);
          waiting.erase(at);
        }
      }
    };
    for (int step = 0; step < 300; ++step) {
      const std::string& key = keys[random.below(3)];
      switch (random.below(4)) {
        case 0: {
          std::vector<std::string> wanted{key};
          if (const std::string& other = keys[random.below(3)]; other != key) wanted.push_back(other);
          const bool there =
              std::any_of(wanted.begin(), wanted.end(), [&](const auto& name) { return items[name] > 0; });
          if (!there) waiting[next] = waits.join(static_cast<int64_t>(next), next, wanted);
          ++next;
          break;
        }
        case 1:
          if (waiting.empty()) break;
          waits.table.leave(*waiting.begin()->second);
          waiting.erase(waiting.begin());
          break;
        default:
          items[key] += 1 + static_cast<int>(random.below(3));
          waits.table.changed(0, key);
      }
      run_woken();
      for (const auto& [id, waiter] : waiting) {
        for (const auto& name : waiter->keys) REQUIRE(items[name.second] == 0);
      }
      REQUIRE((waits.table.size() == 0) == waiting.empty());
    }
    for (const auto& [id, waiter] : waiting) waits.table.leave(*waiter);
  }
}

TEST_CASE("a change of a stream wakes all who wait for streams, as it serves all of them") {
  Waits waits;
  const auto late = waits.join(200, 1, {"a"}, Type::kStream);
  const auto early = waits.join(100, 2, {"a"}, Type::kStream);
  const auto list = waits.join(300, 3, {"a"});
  waits.table.changed(0, "a");
  CHECK(waits.woken() == Ids{2, 1, 3});
  waits.table.rest(*late);
  waits.table.leave(*early);
  // Who rests has looked already.
  CHECK(waits.woken().empty());
  waits.table.changed(0, "a");
  CHECK(waits.woken() == Ids{1});
  waits.table.leave(*late);
  waits.table.leave(*list);
  CHECK(waits.table.size() == 0);
}

}  // namespace
}  // namespace starling::server
