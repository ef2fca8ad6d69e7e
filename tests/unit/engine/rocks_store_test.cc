// What is RocksStore's alone; the rest is in store_test.cc.
#include "engine/store/rocks_store.h"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "temporary_directory.h"

namespace starling::engine {
namespace {

namespace fs = std::filesystem;

RocksOptions options_for(const std::string& directory) {
  RocksOptions options;
  options.directory = directory;
  options.block_cache_bytes = 1 << 20;
  options.blob_bytes_min = 1000;
  return options;
}

std::unique_ptr<Store> open_store(const std::string& directory) {
  std::unique_ptr<Store> store;
  const Status status = open_rocks_store(options_for(directory), &store);
  REQUIRE_MESSAGE(status.ok(), status.message());
  return store;
}

Status put_many(Store& store, int count, const std::string& value) {
  const auto run = store.begin_run();
  for (int i = 0; i < count; ++i)
    if (Status status = run->put(Family::kRecords, std::to_string(100000 + i), value); !status.ok())
      return status;
  return run->apply();
}

uint64_t statistic(Store& store, std::string_view wanted) {
  uint64_t found = UINT64_MAX;
  store.for_each_statistic([&](std::string_view name, uint64_t value) {
    if (name == wanted) found = value;
  });
  REQUIRE(found != UINT64_MAX);
  return found;
}

size_t count_rows(Store& store, Family family) {
  size_t count = 0;
  for (const auto rows = store.iterate(family, "", "\xff"); rows->valid(); rows->next()) ++count;
  return count;
}

// The nice values of the process's threads.
std::set<int> priorities() {
  std::set<int> found;
  for (const auto& thread : fs::directory_iterator("/proc/self/task"))
    found.insert(getpriority(PRIO_PROCESS, static_cast<id_t>(std::stoul(thread.path().filename()))));
  return found;
}

std::set<std::string> files_in(const std::string& directory) {
  std::set<std::string> found;
  for (const auto& file : fs::recursive_directory_iterator(directory)) found.insert(file.path());
  return found;
}

// As it is at one moment: RocksDB's own threads may remove what it has no use for after an opening.
void copy_directory(const std::string& from, const std::string& to) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    fs::remove_all(to);
    const std::set<std::string> before = files_in(from);
    std::error_code error;
    fs::copy(from, to, fs::copy_options::recursive, error);
    if (!error && files_in(from) == before) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL("the directory never stood still");
}

TEST_CASE("a second opening is refused as locked") {
  TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  std::unique_ptr<Store> second;
  const Status status = open_rocks_store(options_for(directory.path()), &second);
  CHECK(status.code() == StatusCode::kLocked);
  CHECK(status.message().find(directory.path()) != std::string::npos);
}

TEST_CASE("a read in memory says when it would have to block") {
  TemporaryDirectory directory;
  auto store = open_store(directory.path());
  REQUIRE(put_many(*store, 5000, "value").ok());
  store.reset();
  store = open_store(directory.path());
  std::string value;
  CHECK(store->get(Family::kRecords, "100500", ReadMode::kMemoryOnly, &value) == ReadResult::kWouldBlock);
  CHECK(store->get(Family::kRecords, "100500", ReadMode::kMayBlock, &value) == ReadResult::kFound);
  CHECK(store->get(Family::kRecords, "100500", ReadMode::kMemoryOnly, &value) == ReadResult::kFound);
  CHECK(value == "value");
  CHECK(store->get(Family::kRecords, "100500x", ReadMode::kMemoryOnly, &value) == ReadResult::kAbsent);
  CHECK(store->memory_bytes() > 1000);
}

TEST_CASE("large values move to blob files when runs are merged, and stay readable") {
  TemporaryDirectory directory;
  auto store = open_store(directory.path());
  std::string value(20000, '\0');
  uint64_t state = 1;
  for (char& byte : value) byte = static_cast<char>((state = state * 6364136223846793005 + 1) >> 56);
  // The last run stays as it came, and has only the first half of the keys.
  for (int round = 0; round < 6; ++round)
    REQUIRE(put_many(*store, round < 5 ? 100 : 50, value + std::to_string(round)).ok());
  while (statistic(*store, "blob_bytes") == 0 || statistic(*store, "compactions_running") > 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(statistic(*store, "blob_live_bytes") > 1000000);
  CHECK(store->disk_bytes() > statistic(*store, "blob_bytes"));
  store.reset();
  store = open_store(directory.path());
  std::string read;
  REQUIRE(store->get(Family::kRecords, "100070", ReadMode::kMayBlock, &read) == ReadResult::kFound);
  CHECK(read == value + "4");
  const auto rows = store->iterate(Family::kRecords, "100070", "2");
  REQUIRE(rows->valid());
  CHECK(rows->value() == value + "4");
}

TEST_CASE("compactions come after the other threads, and not last of all") {
  TemporaryDirectory directory;
  auto store = open_store(directory.path());
  for (int round = 0; round < 6; ++round) REQUIRE(put_many(*store, 10, std::string(20000, 'v')).ok());
  while (statistic(*store, "blob_bytes") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const int own = getpriority(PRIO_PROCESS, 0);
  const std::set<int> found = priorities();
  CHECK(found.contains(own));
  CHECK(*found.rbegin() == std::min(own + 5, 19));
}

TEST_CASE("a very large value has a file of its own in a run, as it is") {
  TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  constexpr size_t kBytes = 64 << 20;
  const std::string large(kBytes, 'x');  // Next to nothing if it were compressed.
  const auto run = store->begin_run();
  REQUIRE(run->put(Family::kRecords, "a", "small").ok());
  REQUIRE(run->put(Family::kRecords, "b", large).ok());
  const uint64_t with_large = run->bytes();
  REQUIRE(run->put(Family::kRecords, "c", "small").ok());
  CHECK(run->bytes() >= with_large);
  REQUIRE(run->apply().ok());
  CHECK(statistic(*store, "table_bytes") > kBytes);
  std::string value;
  for (const char* key : {"a", "c"}) {
    REQUIRE(store->get(Family::kRecords, key, ReadMode::kMayBlock, &value) == ReadResult::kFound);
    CHECK(value == "small");
  }
  REQUIRE(store->get(Family::kRecords, "b", ReadMode::kMayBlock, &value) == ReadResult::kFound);
  CHECK((value == large));
}

TEST_CASE("what a crash leaves right after apply() has the run and the erased range before it") {
  TemporaryDirectory directory;
  const std::string live = directory.path() + "/live";
  const std::string left = directory.path() + "/left";
  const auto store = open_store(live);
  REQUIRE(put_many(*store, 1000, "value").ok());
  REQUIRE(store->erase_range(Family::kRecords, "100100", "100900").ok());
  SUBCASE("not yet applied: the range may be back") {
    copy_directory(live, left);
    CHECK(count_rows(*open_store(left), Family::kRecords) == 1000);
  }
  SUBCASE("applied, also if empty") {
    REQUIRE(store->begin_run()->apply().ok());
    copy_directory(live, left);
    CHECK(count_rows(*open_store(left), Family::kRecords) == 200);
  }
}

TEST_CASE("files of a run that a crash ended are removed at the next start") {
  TemporaryDirectory directory;
  open_store(directory.path()).reset();
  const fs::path left = fs::path(directory.path()) / "runs" / "0-records-0.sst";
  std::ofstream(left) << "half a file";
  const auto store = open_store(directory.path());
  CHECK_FALSE(fs::exists(left));
  REQUIRE(put_many(*store, 10, "value").ok());
  CHECK(fs::is_empty(left.parent_path()));
}

TEST_CASE("readers see a run in all families or in none") {
  TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  std::atomic<bool> stop{false};
  std::atomic<int> checks{0};
  const auto generation = [&](Family family) {
    std::string value;
    return store->get(family, "generation", ReadMode::kMayBlock, &value) == ReadResult::kFound
               ? std::stoi(value)
               : 0;
  };
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader)
    readers.emplace_back([&, reader] {
      const Family first = reader == 0 ? Family::kRecords : Family::kMeta;
      const Family second = reader == 0 ? Family::kMeta : Family::kRecords;
      while (!stop) {
        const int before = generation(first);
        if (generation(second) < before) std::abort();
        ++checks;
      }
    });
  for (int i = 1; i <= 30 || checks < 100; ++i) {
    const auto run = store->begin_run();
    REQUIRE(run->put(Family::kRecords, "generation", std::to_string(i)).ok());
    REQUIRE(run->put(Family::kMeta, "generation", std::to_string(i)).ok());
    REQUIRE(run->apply().ok());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_CASE("a full disk fails the run and nothing else; with room again the store goes on") {
  TemporaryDirectory directory;
  const std::string mount_point = directory.path() + "/small";
  fs::create_directory(mount_point);
  if (::mount("none", mount_point.c_str(), "tmpfs", 0, "size=8m") != 0) {
    MESSAGE("skipped, a tmpfs cannot be mounted: " << std::strerror(errno));
    return;
  }
  {
    const auto store = open_store(mount_point + "/store");
    REQUIRE(put_many(*store, 1000, "kept").ok());
    std::string noise(500, '\0');
    uint64_t state = 1;
    const auto put_noise = [&] {
      const auto run = store->begin_run();
      for (int i = 0; i < 40000; ++i) {
        for (char& byte : noise) byte = static_cast<char>((state = state * 6364136223846793005 + 1) >> 56);
        if (Status status = run->put(Family::kElements, std::to_string(100000 + i), noise); !status.ok())
          return status;
      }
      return run->apply();
    };
    CHECK(put_noise().code() == StatusCode::kNoSpace);
    CHECK(count_rows(*store, Family::kRecords) == 1000);
    CHECK(count_rows(*store, Family::kElements) == 0);
    CHECK(put_many(*store, 10, "still room for little").ok());
    REQUIRE(::mount("none", mount_point.c_str(), "tmpfs", MS_REMOUNT, "size=200m") == 0);
    CHECK(store->resume().ok());
    CHECK(put_noise().ok());
    CHECK(count_rows(*store, Family::kElements) == 40000);
  }
  ::umount2(mount_point.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace starling::engine
