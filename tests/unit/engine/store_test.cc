// One suite for all stores: what store.h promises.
#include "engine/store/store.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/memory_store.h"
#include "engine/store/rocks_store.h"
#include "temporary_directory.h"

namespace starling::engine {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

class MemoryFixture {
 public:
  std::unique_ptr<Store> open(const std::string& name) { return std::make_unique<MemoryStore>(disk_, name); }
  std::string path(const std::string& name) const { return name; }

 private:
  std::shared_ptr<MemoryStoreDisk> disk_ = std::make_shared<MemoryStoreDisk>();
};

class RocksFixture {
 public:
  std::unique_ptr<Store> open(const std::string& name) {
    RocksOptions options;
    options.directory = path(name);
    options.run_file_bytes = 16 << 10;  // Many files a run.
    options.blob_bytes_min = 1000;
    options.run_files_max = 6;  // Runs wait for compactions now and then.
    options.block_cache_bytes = 1 << 20;
    std::unique_ptr<Store> store;
    const Status status = open_rocks_store(options, &store);
    REQUIRE_MESSAGE(status.ok(), status.message());
    return store;
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

 private:
  TemporaryDirectory directory_;
};

Rows rows_of(Store& store, Family family, std::string_view lower = "", std::string_view upper = "\xff") {
  Rows rows;
  const auto iterator = store.iterate(family, lower, upper);
  for (; iterator->valid(); iterator->next()) rows.emplace_back(iterator->key(), iterator->value());
  CHECK(iterator->status().ok());
  return rows;
}

std::optional<std::string> get(Store& store, Family family, std::string_view key) {
  std::string value = "old";
  switch (store.get(family, key, ReadMode::kMayBlock, &value)) {
    case ReadResult::kFound:
      return value;
    case ReadResult::kAbsent:
      return std::nullopt;
    default:
      FAIL("read failed");
      return std::nullopt;
  }
}

void put_all(Store& store, const Rows& rows, Family family = Family::kRecords) {
  const auto run = store.begin_run();
  for (const auto& [key, value] : rows) REQUIRE(run->put(family, key, value).ok());
  REQUIRE(run->apply().ok());
}

std::string numbered(int number) {
  std::string digits = std::to_string(number);
  return "key" + std::string(6 - digits.size(), '0') + digits;
}

TEST_CASE_TEMPLATE("what a run put is found, in order, by family, also after a reopen", Fixture,
                   MemoryFixture, RocksFixture) {
  Fixture fixture;
  auto store = fixture.open("a");
  const auto run = store->begin_run();
  Rows expected;
  for (int i = 0; i < 2000; ++i) {
    expected.emplace_back(numbered(i), std::string(static_cast<size_t>(i % 100), 'v'));
    REQUIRE(run->put(Family::kRecords, expected.back().first, expected.back().second).ok());
    if (i % 2 == 0) REQUIRE(run->put(Family::kDeadlines, numbered(i), "").ok());
  }
  REQUIRE(run->put(Family::kMeta, std::string("\0meta", 5), std::string("\0value\xff", 7)).ok());
  CHECK(rows_of(*store, Family::kRecords).empty());
  CHECK(run->bytes() > 10000);
  REQUIRE(run->apply().ok());
  for (int reopened = 0; reopened < 2; ++reopened) {
    CHECK(rows_of(*store, Family::kRecords) == expected);
    CHECK(rows_of(*store, Family::kDeadlines).size() == 1000);
    CHECK(rows_of(*store, Family::kElements).empty());
    CHECK(get(*store, Family::kMeta, std::string("\0meta", 5)) == std::string("\0value\xff", 7));
    CHECK(get(*store, Family::kRecords, numbered(99)) == std::string(99, 'v'));
    CHECK(get(*store, Family::kElements, numbered(99)) == std::nullopt);
    CHECK(get(*store, Family::kRecords, "key") == std::nullopt);
    CHECK(store->disk_bytes() > 0);
    if (reopened == 0) {
      store.reset();
      store = fixture.open("a");
    }
  }
}

TEST_CASE_TEMPLATE("a range is iterated from its lower bound to before its upper one", Fixture, MemoryFixture,
                   RocksFixture) {
  Fixture fixture;
  const auto store = fixture.open("a");
  put_all(*store, {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  CHECK(rows_of(*store, Family::kRecords, "b", "d") == Rows{{"b", "2"}, {"c", "3"}});
  CHECK(rows_of(*store, Family::kRecords, "bb", "c").empty());
  CHECK(rows_of(*store, Family::kRecords, "c", "c").empty());
  const auto iterator = store->iterate(Family::kRecords, "b", "d");
  iterator->seek("a");
  REQUIRE(iterator->valid());
  CHECK(iterator->key() == "b");
  iterator->seek("bb");
  REQUIRE(iterator->valid());
  CHECK(iterator->key() == "c");
  iterator->next();
  CHECK_FALSE(iterator->valid());
  iterator->seek("d");
  CHECK_FALSE(iterator->valid());
}

TEST_CASE_TEMPLATE("an iterator shows the store as it was", Fixture, MemoryFixture, RocksFixture) {
  Fixture fixture;
  const auto store = fixture.open("a");
  put_all(*store, {{"a", "1"}, {"b", "2"}});
  const auto iterator = store->iterate(Family::kRecords, "", "z");
  const auto run = store->begin_run();
  REQUIRE(run->put(Family::kRecords, "a", "new").ok());
  REQUIRE(run->erase(Family::kRecords, "b").ok());
  REQUIRE(run->apply().ok());
  REQUIRE(store->erase_range(Family::kRecords, "a", "z").ok());
  CHECK(iterator->value() == "1");
  iterator->next();
  REQUIRE(iterator->valid());
  CHECK(iterator->value() == "2");
  CHECK(rows_of(*store, Family::kRecords).empty());
}

TEST_CASE_TEMPLATE("a run that is not applied leaves nothing", Fixture, MemoryFixture, RocksFixture) {
  Fixture fixture;
  const auto store = fixture.open("a");
  {
    const auto run = store->begin_run();
    for (int i = 0; i < 3000; ++i) REQUIRE(run->put(Family::kRecords, numbered(i), "some value").ok());
  }
  CHECK(rows_of(*store, Family::kRecords).empty());
  const auto empty = store->begin_run();
  CHECK(empty->bytes() == 0);
  CHECK(empty->apply().ok());
}

TEST_CASE_TEMPLATE("a range erased in a run hides earlier rows and not the run's own", Fixture, MemoryFixture,
                   RocksFixture) {
  Fixture fixture;
  auto store = fixture.open("a");
  Rows old;
  for (int i = 0; i < 5000; ++i) old.emplace_back(numbered(i), "old");
  put_all(*store, old, Family::kElements);
  const auto run = store->begin_run();
  REQUIRE(run->put(Family::kElements, numbered(99), "before").ok());
  REQUIRE(run->erase_range(Family::kElements, numbered(100), numbered(4000)).ok());
  Rows expected(old.begin(), old.begin() + 99);
  expected.emplace_back(numbered(99), "before");
  for (int i = 100; i < 4500; i += 2) {
    expected.emplace_back(numbered(i), "new value " + std::to_string(i * 7919));
    REQUIRE(run->put(Family::kElements, expected.back().first, expected.back().second).ok());
    if (i >= 4000) expected.emplace_back(numbered(i + 1), "old");
  }
  expected.insert(expected.end(), old.begin() + 4500, old.end());
  REQUIRE(run->erase_range(Family::kElements, numbered(4600), numbered(4600)).ok());
  REQUIRE(run->apply().ok());
  CHECK(rows_of(*store, Family::kElements) == expected);
  CHECK(get(*store, Family::kElements, numbered(101)) == std::nullopt);
  CHECK(get(*store, Family::kElements, numbered(100)) == expected[100].second);
  store.reset();
  store = fixture.open("a");
  CHECK(rows_of(*store, Family::kElements) == expected);
}

TEST_CASE_TEMPLATE("an erased range is gone, and with the next run for good", Fixture, MemoryFixture,
                   RocksFixture) {
  Fixture fixture;
  auto store = fixture.open("a");
  Rows rows;
  for (int i = 0; i < 20000; ++i) rows.emplace_back(numbered(i), "value");
  put_all(*store, rows);
  put_all(*store, rows, Family::kElements);
  REQUIRE(store->erase_range(Family::kRecords, numbered(10), numbered(19990)).ok());
  REQUIRE(store->erase_range(Family::kRecords, numbered(15), numbered(15)).ok());
  CHECK(rows_of(*store, Family::kRecords).size() == 20);
  put_all(*store, {{numbered(50), "again"}});
  CHECK(rows_of(*store, Family::kRecords).size() == 21);
  store.reset();
  store = fixture.open("a");
  CHECK(rows_of(*store, Family::kRecords).size() == 21);
  CHECK(get(*store, Family::kRecords, numbered(50)) == "again");
  CHECK(rows_of(*store, Family::kElements).size() == 20000);
}

TEST_CASE_TEMPLATE("a copy is a store of its own", Fixture, MemoryFixture, RocksFixture) {
  Fixture fixture;
  const auto store = fixture.open("a");
  put_all(*store, {{"a", "1"}, {"b", std::string(50000, 'b')}, {"c", "3"}});
  REQUIRE(store->erase_range(Family::kRecords, "c", "d").ok());
  REQUIRE(store->copy_to(fixture.path("copy")).ok());
  CHECK_FALSE(store->copy_to(fixture.path("copy")).ok());
  put_all(*store, {{"a", "changed"}});
  const auto copy = fixture.open("copy");
  CHECK(rows_of(*copy, Family::kRecords) == Rows{{"a", "1"}, {"b", std::string(50000, 'b')}});
  put_all(*copy, {{"z", "9"}});
  CHECK(get(*store, Family::kRecords, "z") == std::nullopt);
}

TEST_CASE_TEMPLATE("figures have names", Fixture, MemoryFixture, RocksFixture) {
  Fixture fixture;
  const auto store = fixture.open("a");
  std::map<std::string, uint64_t, std::less<>> first;
  store->for_each_statistic(
      [&](std::string_view name, uint64_t value) { CHECK(first.emplace(name, value).second); });
  CHECK_FALSE(first.empty());
  CHECK(store->resume().ok());
}

// Against a map, with many runs so that compactions happen, and values on both sides of the blob threshold.
TEST_CASE_TEMPLATE("a store does what a map does", Fixture, MemoryFixture, RocksFixture) {
  const char* given = std::getenv("STARLING_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<uint64_t>(bound)); };
  constexpr int kKeys = 3000;
  Fixture fixture;
  auto store = fixture.open("a");
  std::map<std::string, std::string> expected;
  for (int round = 0; round < 40; ++round) {
    if (below(4) == 0) {
      const int lower = below(kKeys);
      const int upper = lower + below(300);
      REQUIRE(store->erase_range(Family::kRecords, numbered(lower), numbered(upper)).ok());
      expected.erase(expected.lower_bound(numbered(lower)), expected.lower_bound(numbered(upper)));
    }
    const auto run = store->begin_run();
    for (int key = below(20); key < kKeys; key += 1 + below(20)) {
      const int choice = below(10);
      if (choice == 0) {
        const int upper = key + below(50);
        REQUIRE(run->erase_range(Family::kRecords, numbered(key), numbered(upper)).ok());
        expected.erase(expected.lower_bound(numbered(key)), expected.lower_bound(numbered(upper)));
        key += 50;
      }
      if (choice < 3) {
        REQUIRE(run->erase(Family::kRecords, numbered(key)).ok());
        expected.erase(numbered(key));
      } else {
        const std::string value(static_cast<size_t>(below(choice == 9 ? 5000 : 100)),
                                static_cast<char>(random()));
        REQUIRE(run->put(Family::kRecords, numbered(key), value).ok());
        expected[numbered(key)] = value;
      }
    }
    REQUIRE(run->apply().ok());
    if (below(10) == 0) {
      store.reset();
      store = fixture.open("a");
    }
    REQUIRE(rows_of(*store, Family::kRecords) == Rows(expected.begin(), expected.end()));
    for (int i = 0; i < 100; ++i) {
      const std::string key = numbered(below(kKeys));
      const auto found = expected.find(key);
      const auto value = get(*store, Family::kRecords, key);
      REQUIRE(value.has_value() == (found != expected.end()));
      if (value) REQUIRE(*value == found->second);
    }
  }
}

}  // namespace
}  // namespace starling::engine
