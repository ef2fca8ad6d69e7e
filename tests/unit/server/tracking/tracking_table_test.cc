#include "server/tracking/tracking_table.h"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace starling::server {
namespace {

using Told = std::vector<std::pair<uint64_t, std::string>>;

Tracker client(uint64_t id, uint32_t loop = 0) {
  return {loop, false, id};
}

void add(TrackingTable& table, std::string_view key, const Tracker& tracker) {
  table.add(key, tracker, [](const Tracker&, std::string_view) { FAIL("there is room"); });
}

Told take(TrackingTable& table, std::string_view key) {
  Told told;
  table.take(key,
             [&](const Tracker& tracker, std::string_view name) { told.emplace_back(tracker.id, name); });
  return told;
}

TEST_CASE("a change tells who has read the key, once, and nobody else") {
  TrackingTable table;
  add(table, "a", client(1));
  add(table, "a", client(2));
  add(table, "a", client(1));
  add(table, "b", client(3));
  CHECK(table.keys() == 2);
  CHECK(table.items() == 3);
  CHECK(take(table, "c").empty());
  CHECK(take(table, "a") == Told{{1, "a"}, {2, "a"}});
  CHECK(take(table, "a").empty());
  CHECK(table.keys() == 1);
  CHECK(table.items() == 1);
  CHECK(take(table, "b") == Told{{3, "b"}});
  CHECK(table.keys() == 0);
  CHECK(table.items() == 0);
}

TEST_CASE("a client and a link of the same number, or of different loops, are different trackers") {
  TrackingTable table;
  add(table, "a", client(7, 0));
  add(table, "a", client(7, 1));
  add(table, "a", {0, true, 7});
  CHECK(table.items() == 3);
  CHECK(take(table, "a").size() == 3);
}

TEST_CASE("who is told may track again at once") {
  TrackingTable table;
  add(table, "a", client(1));
  table.take("a", [&](const Tracker& tracker, std::string_view key) { add(table, key, tracker); });
  CHECK(table.items() == 1);
  CHECK(take(table, "a") == Told{{1, "a"}});
}

TEST_CASE("keys that are drawn go one at a time, each with its own trackers, until none is left") {
  TrackingTable table;
  std::set<std::string> left;
  for (int i = 0; i < 500; ++i) {
    left.insert("key:" + std::to_string(i));
    add(table, "key:" + std::to_string(i), client(static_cast<uint64_t>(i)));
  }
  for (uint64_t i = 0; i < 500; ++i) {
    size_t told = 0;
    table.take_any(i * 0x9e3779b97f4a7c15, [&](const Tracker& tracker, std::string_view key) {
      ++told;
      CHECK(key == "key:" + std::to_string(tracker.id));
      CHECK(left.erase(std::string(key)) == 1);
    });
    CHECK(told == 1);
    CHECK(table.keys() == left.size());
  }
  table.take_any(1, [](const Tracker&, std::string_view) { FAIL("there is nothing left"); });
}

TEST_CASE("which key is drawn depends on what draws it") {
  std::set<std::string> first;
  for (uint64_t random = 0; random < 40; ++random) {
    TrackingTable table;
    for (int i = 0; i < 1000; ++i) add(table, "key:" + std::to_string(i), client(1));
    table.take_any(random * 0x9e3779b97f4a7c15,
                   [&](const Tracker&, std::string_view key) { first.insert(std::string(key)); });
  }
  CHECK(first.size() > 20);
}

TEST_CASE("clear forgets all and tells nobody") {
  TrackingTable table;
  for (int i = 0; i < 100; ++i) add(table, std::to_string(i), client(1));
  table.clear();
  CHECK(table.keys() == 0);
  CHECK(table.items() == 0);
  CHECK(take(table, "1").empty());
  add(table, "1", client(2));
  CHECK(take(table, "1") == Told{{2, "1"}});
}

TEST_CASE("by several threads: what is added is told once or is still there") {
  TrackingTable table;
  constexpr int kRounds = 20'000;
  std::atomic<int> told{0}, added{0};
  const auto reader = [&](uint64_t id) {
    for (int i = 0; i < kRounds; ++i) {
      add(table, "key:" + std::to_string(i % 97), client(id * kRounds + static_cast<uint64_t>(i)));
      ++added;
    }
  };
  const auto writer = [&] {
    const auto tell = [&](const Tracker&, std::string_view) { ++told; };
    for (int i = 0; i < kRounds; ++i) {
      table.take("key:" + std::to_string(i % 89), tell);
      if (i % 5 == 0) table.take_any(static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15, tell);
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(reader, 1);
  threads.emplace_back(reader, 2);
  threads.emplace_back(writer);
  threads.emplace_back(writer);
  for (std::thread& thread : threads) thread.join();
  CHECK(static_cast<size_t>(added - told) == table.items());
}

}  // namespace
TEST_CASE("tracking table: of a key that very many track those are told, and it begins anew") {
  TrackingTable table;
  size_t told = 0;
  const auto count = [&told](const Tracker&, std::string_view key) { told += key == "k" ? 1 : 0; };
  for (uint64_t id = 1; id <= 1000; ++id) table.add("k", client(id), count);
  CHECK(told == 0);
  CHECK(table.items() == 1000);
  table.add("k", client(7), count);
  CHECK_MESSAGE(told == 0, "it is there already");
  table.add("k", client(1001), count);
  CHECK(told == 1000);
  CHECK(table.keys() == 1);
  CHECK(table.items() == 1);
}

}  // namespace starling::server
