// A node on a disk and a log in memory, which can crash and come back; and the model that it must agree with.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/log/memory_log.h"
#include "engine/node/data_directory.h"
#include "engine/node/node_engine.h"
#include "engine/store/memory_store.h"
#include "tests/unit/engine/moving_heap.h"

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
  void expired(int, std::string_view) override {
    ++expirations;
    if (on_expired) on_expired();
  }
  void evicted(int, std::string_view) override { ++evictions; }
  void flushed(int) override { ++flushes; }
  std::function<void()> on_expired;  // Under the key's lock.
  std::atomic<int> modifications{0}, expirations{0}, evictions{0}, flushes{0};
};

struct ModelValue {
  Type type = Type::kString;
  std::string text;
  std::map<std::string, std::string> fields;
  int64_t deadline_ms = 0;
};
using Model = std::map<std::string, ModelValue>;

// Calls back while a checkpoint is under way: between its beginning and the sweep, before any row it writes,
// and before and after it takes effect.
class HookedStore final : public Store {
 public:
  HookedStore(std::unique_ptr<Store> store, const std::function<void()>& hook)
      : store_(std::move(store)), hook_(hook) {}
  ReadResult get(Family family, std::string_view key, ReadMode mode, std::string* value) override {
    return store_->get(family, key, mode, value);
  }
  std::unique_ptr<StoreIterator> iterate(Family family, std::string_view lower,
                                         std::string_view upper) override {
    return store_->iterate(family, lower, upper);
  }
  std::unique_ptr<SortedRun> begin_run() override {
    if (hook_) hook_();
    return std::make_unique<Run>(store_->begin_run(), hook_);
  }
  Status erase_range(Family family, std::string_view lower, std::string_view upper) override {
    return store_->erase_range(family, lower, upper);
  }
  Status resume() override { return store_->resume(); }
  Status copy_to(const std::string& path) override { return store_->copy_to(path); }
  uint64_t memory_bytes() const override { return store_->memory_bytes(); }
  uint64_t disk_bytes() const override { return store_->disk_bytes(); }
  void for_each_statistic(
      const std::function<void(std::string_view name, uint64_t value)>& visit) const override {
    store_->for_each_statistic(visit);
  }

 private:
  class Run final : public SortedRun {
   public:
    Run(std::unique_ptr<SortedRun> run, const std::function<void()>& hook)
        : run_(std::move(run)), hook_(hook) {}
    Status put(Family family, std::string_view key, std::string_view value) override {
      if (hook_) hook_();
      return run_->put(family, key, value);
    }
    Status erase(Family family, std::string_view key) override { return run_->erase(family, key); }
    Status erase_range(Family family, std::string_view lower, std::string_view upper) override {
      return run_->erase_range(family, lower, upper);
    }
    Status apply() override {
      Status status = run_->apply();
      if (hook_) hook_();
      return status;
    }
    uint64_t bytes() const override { return run_->bytes(); }

   private:
    std::unique_ptr<SortedRun> run_;
    const std::function<void()>& hook_;
  };

  std::unique_ptr<Store> store_;
  const std::function<void()>& hook_;
};

class TestNode {
 public:
  // What a crash would leave now: another node can be made of it.
  struct Image {
    std::shared_ptr<MemoryStoreDisk> store = std::make_shared<MemoryStoreDisk>();
    std::shared_ptr<MemoryLogDisk> log = std::make_shared<MemoryLogDisk>();
    int64_t now_ms = 0;
  };
  Image image() const {
    Image image;
    image.log->segments = log_disk_->segments;
    image.now_ms = clock.now_ms;
    for (const auto& [path, families] : store_disk_->stores) {
      for (size_t i = 0; i < kFamilyCount; ++i) {
        image.store->stores[path][i] = std::make_shared<MemoryStoreDisk::Map>(*families[i]);
      }
    }
    return image;
  }
  TestNode(uint64_t seed, const Image& image, bool replicated = false)
      : seed_(seed), durable_(true), replicated_(replicated), store_disk_(image.store), log_disk_(image.log) {
    clock.now_ms = image.now_ms;
    start();
  }

  explicit TestNode(uint64_t seed, bool durable = true, bool replicated = false, bool threads = true)
      : seed_(seed), durable_(durable), replicated_(replicated), threads_(threads) {
    start();
  }

  void start() {
    Options options;
    options.durable = durable_;
    options.replicated = replicated_;
    options.disk_threads = 1;
    options.threads = threads_;
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
      parts.store = std::make_unique<HookedStore>(std::move(store), during_checkpoint);
    }
    engine_ = std::make_unique<NodeEngine>(options, clock, seed_, observer, std::move(parts));
    const Status status = engine_->start();
    REQUIRE_MESSAGE(status.ok(), status.message());
  }
  // Loses what was not committed.
  void crash() {
    log_->crash(SIZE_MAX);
    engine_.reset();
    start();
  }
  void restart_cleanly(Leave leave = Leave::kLog) {
    REQUIRE(engine_->close(leave).ok());
    engine_.reset();
    start();
  }

  ActorId actor() const { return seed_; }
  NodeEngine& engine() { return *engine_; }
  MemoryLog& log() { return *log_; }
  MemoryStore& store() { return *store_; }

  // Runs `work` on the key's database as the dispatcher would: locked and resident.
  void with(const std::string& name, const std::function<void(Database&, const Key&)>& work) {
    with(0, name, work);
  }
  void with(int index, const std::string& name, const std::function<void(Database&, const Key&)>& work) {
    with_operation(name, index, [&](Operation& operation, const Key& key) {
      Database database = operation.database(index);
      work(database, key);
    });
  }
  void with_operation(const std::string& name, int index,
                      const std::function<void(Operation&, const Key&)>& work) {
    const Key key(name);
    for (;;) {
      Operation operation(*engine_, clock.now_ms);
      operation.lock({index, key});
      if (operation.resident({index, key})) {
        work(operation, key);
        operation.finish();
        return;
      }
      operation.finish();
      REQUIRE(Loader(engine_->core()).load(index, key).ok());
    }
  }

  void with_both(const KeyRef& first, const KeyRef& second,
                 const std::function<void(Database&, Database&)>& work) {
    const KeyRef keys[] = {first, second};
    for (;;) {
      Operation operation(*engine_, clock.now_ms);
      operation.lock(keys);
      const bool resident = operation.resident(first) && operation.resident(second);
      if (resident) {
        Database database = operation.database(first.database);
        Database other = operation.database(second.database);
        work(database, other);
      }
      operation.finish();
      if (resident) return;
      for (const KeyRef& ref : keys) REQUIRE(Loader(engine_->core()).load(ref.database, ref.key).ok());
    }
  }

  void evict_everything() {
    Evictor evictor(engine_->core());
    evictor.set_budget(1);
    SeededRandom random(seed_);
    evictor.make_room(1 << 20, random);
  }

  void evict_some() {
    Evictor evictor(engine_->core());
    evictor.set_budget(1);
    SeededRandom random(seed_ + evictions_++);
    for (int i = 0; i < 300; ++i) evictor.make_room(1, random);
  }

  // Moves every record and table.
  void pack() {
    Packer packer(engine_->core());
    MovingHeap heap;
    packer.pack(heap, 1'000'000);
  }

  std::set<std::string> scan(uint64_t count = 3, int index = 0) {
    std::set<std::string> names;
    uint64_t cursor = 0;
    do {
      cursor = engine_->scan(
          index, cursor, count, {}, clock.now_ms, [&](std::string_view name) { names.emplace(name); },
          nullptr);
    } while (cursor != 0);
    return names;
  }

  FakeClock clock;
  CountingObserver observer;
  std::function<void()> during_checkpoint;  // See HookedStore.

 private:
  uint64_t seed_;
  uint64_t evictions_ = 0;
  const bool durable_;
  const bool replicated_;
  const bool threads_ = true;
  std::shared_ptr<MemoryStoreDisk> store_disk_ = std::make_shared<MemoryStoreDisk>();
  std::shared_ptr<MemoryLogDisk> log_disk_ = std::make_shared<MemoryLogDisk>();
  MemoryLog* log_ = nullptr;
  MemoryStore* store_ = nullptr;
  std::unique_ptr<NodeEngine> engine_;
};

}  // namespace starling::engine
