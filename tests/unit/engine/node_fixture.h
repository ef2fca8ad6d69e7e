// A node on a disk and a log in memory, which can crash and come back; and the model that it must agree with.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/data_directory.h"
#include "engine/memory_log.h"
#include "engine/memory_store.h"
#include "engine/node_engine.h"

namespace starling::engine {

class FakeClock final : public Clock {
 public:
  int64_t wall_ms() const override { return now_ms; }
  int64_t wall_us() const override { return now_ms * 1000; }
  int64_t monotonic_us() const override { return now_ms * 1000; }
  std::atomic<int64_t> now_ms{1'700'000'000'000};
};

class CountingObserver final : public KeyObserver {
 public:
  void modified(int, std::string_view) override { ++modifications; }
  void expired(int, std::string_view) override { ++expirations; }
  void evicted(int, std::string_view) override { ++evictions; }
  void flushed(int) override { ++flushes; }
  std::atomic<int> modifications{0}, expirations{0}, evictions{0}, flushes{0};
};

struct ModelValue {
  Type type = Type::kString;
  std::string text;
  std::map<std::string, std::string> fields;
  int64_t deadline_ms = 0;
};
using Model = std::map<std::string, ModelValue>;

class TestNode {
 public:
  explicit TestNode(uint64_t seed, bool durable = true) : seed_(seed), durable_(durable) { start(); }

  void start() {
    Options options;
    options.durable = durable_;
    options.disk_threads = 1;
    options.active_expire = false;  // Tests say when.
    options.checkpoint_log_bytes = UINT64_MAX / 8;
    NodeParts parts;
    parts.actor = ++seed_;
    if (durable_) {
      auto log = std::make_unique<MemoryLog>(CommitLog::Options(), log_disk_);
      log_ = log.get();
      parts.log = std::move(log);
      auto store = std::make_unique<MemoryStore>(store_disk_, "store");
      store_ = store.get();
      parts.store = std::move(store);
    }
    engine_ = std::make_unique<NodeEngine>(options, clock, seed_, observer, std::move(parts));
    REQUIRE(engine_->start([](const std::string&) {}).ok());
  }
  // Loses what was not committed.
  void crash() {
    log_->crash(SIZE_MAX);
    engine_.reset();
    start();
  }
  void restart_cleanly() {
    REQUIRE(engine_->close().ok());
    engine_.reset();
    start();
  }

  NodeEngine& engine() { return *engine_; }
  MemoryLog& log() { return *log_; }
  MemoryStore& store() { return *store_; }

  // Runs `work` on the key's database as the dispatcher would: locked and resident.
  void with(const std::string& name, const std::function<void(Database&, const Key&)>& work) {
    const Key key(name);
    for (;;) {
      Operation operation(*engine_, clock.now_ms);
      operation.lock({0, key});
      if (operation.resident({0, key})) {
        Database database = operation.database(0);
        work(database, key);
        operation.finish();
        return;
      }
      operation.finish();
      REQUIRE(Loader(engine_->core()).load(0, key).ok());
    }
  }

  void evict_everything() {
    Evictor evictor(engine_->core());
    evictor.set_budget(1);
    SeededRandom random(seed_);
    for (int i = 0; i < 2000; ++i) evictor.make_room(1 << 20, random);
  }

  std::set<std::string> scan(uint64_t count = 3) {
    std::set<std::string> names;
    uint64_t cursor = 0;
    do {
      cursor = engine_->scan(
          0, cursor, count, {}, clock.now_ms, [&](std::string_view name) { names.emplace(name); }, nullptr);
    } while (cursor != 0);
    return names;
  }

  FakeClock clock;
  CountingObserver observer;

 private:
  uint64_t seed_;
  const bool durable_;
  std::shared_ptr<MemoryStoreDisk> store_disk_ = std::make_shared<MemoryStoreDisk>();
  std::shared_ptr<MemoryLogDisk> log_disk_ = std::make_shared<MemoryLogDisk>();
  MemoryLog* log_ = nullptr;
  MemoryStore* store_ = nullptr;
  std::unique_ptr<NodeEngine> engine_;
};

}  // namespace starling::engine
