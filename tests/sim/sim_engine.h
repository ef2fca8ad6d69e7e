// The production engine on a disk in memory, without its threads' timing: misses are read and the log is
// synced when the simulation says so. All else is NodeEngine.
//
// It has no threads: what they would do is done when the simulation says so, or not at all (active expiry).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/log/memory_log.h"
#include "engine/node/node_engine.h"
#include "engine/store/memory_store.h"
#include "tests/sim/mutation.h"

namespace starling::sim {

class SimClock final : public engine::Clock {
 public:
  int64_t wall_ms() const override { return wall_us_ / 1000; }
  int64_t wall_us() const override { return wall_us_; }
  int64_t monotonic_us() const override { return monotonic_us_; }
  void set(int64_t wall_us, int64_t monotonic_us) {
    wall_us_ = wall_us;
    monotonic_us_ = monotonic_us;
  }

 private:
  // The engine's threads look at them too.
  std::atomic<int64_t> wall_us_{0}, monotonic_us_{0};
};

class NoObserver final : public engine::KeyObserver {
 public:
  void modified(int, std::string_view) override {}
  void expired(int, std::string_view) override {}
  void evicted(int, std::string_view) override {}
  void flushed(int) override {}
};

// What outlives a node's process.
struct SimDisk {
  std::shared_ptr<engine::MemoryStoreDisk> store = std::make_shared<engine::MemoryStoreDisk>();
  std::shared_ptr<engine::MemoryLogDisk> log = std::make_shared<engine::MemoryLogDisk>();
};

class SimEngine final : public engine::Engine {
 public:
  struct Setting {
    engine::ActorId actor;
    uint64_t random_seed;
    bool fsync_always;
    Mutation mutation;
    // Runs the work later, on the node, unless it has crashed by then.
    std::function<void(std::function<void()>)> later;
    // sync() is wanted.
    std::function<void()> sync_wanted;
  };

  SimEngine(const SimDisk& disk, engine::Clock& clock, Setting setting);

  // --- The disk.
  engine::Status sync() { return log_->sync(); }
  // The machine stops: of what is written and not synced, only `surviving_frames` are left. SIZE_MAX: only
  // the process died. Nothing but the destructor may follow.
  void crash(size_t surviving_frames) { log_->crash(surviving_frames); }
  // While full, nothing can be written to the log; what is to be written waits in memory.
  void set_full(bool full) { log_->set_full(full); }
  engine::LogPosition written() const { return log_->written(); }
  // Drops all clean records from memory; whatever is read next comes from the disk.
  void evict_everything();
  // As if the actor had not been renewed.
  void go_back_to(engine::ActorId actor) {
    node_.core().actor = actor;
    node_.core().actor_index = node_.core().keyspace.actors.index_of(actor);
  }
  // Makes the key resident now.
  engine::Status load(const engine::KeyRef& key) {
    return engine::Loader(node_.core()).load(key.database, key.key);
  }

  // --- engine::Engine
  void fetch(std::vector<engine::KeyRef> keys, std::function<void(engine::Status)> done) override;
  bool durable(engine::LogPosition position) override;
  void request_sync() override { setting_.sync_wanted(); }
  engine::Fsync fsync() const override { return fsync_; }

  void prefetch(std::span<const engine::Lookup>) override {}
  engine::Status commit() override { return node_.commit(); }
  engine::LogPosition last_position() const override { return node_.last_position(); }
  void subscribe_durable(std::function<void()>) override {}
  bool writable() const override { return node_.writable(); }
  engine::Status write_refusal() const override { return node_.write_refusal(); }
  bool dead() const override { return node_.dead(); }
  bool make_room() override { return false; }
  bool congested() const override { return false; }
  uint64_t scan(int database, uint64_t cursor, uint64_t count, const engine::ScanFilter& filter,
                int64_t now_ms, const std::function<void(std::string_view key)>& visit,
                engine::Operation* operation) override {
    return node_.scan(database, cursor, count, filter, now_ms, visit, operation);
  }
  std::optional<std::string> random_key(int database, int64_t now_ms, engine::Operation* operation) override {
    return node_.random_key(database, now_ms, operation);
  }
  uint64_t count_in_partition(int database, uint16_t partition) override {
    return node_.count_in_partition(database, partition);
  }
  void offload(std::function<void()> work) override { setting_.later(std::move(work)); }
  engine::Status checkpoint() override { return node_.checkpoint(); }
  engine::Status snapshot(const std::string& path) override { return node_.snapshot(path); }
  void set_max_memory(uint64_t) override {}
  void set_policy(engine::EvictionPolicy, int) override {}
  void set_fsync(engine::Fsync fsync) override { fsync_ = fsync; }
  void set_active_expire(bool) override {}
  bool renew_actor(engine::ActorId fresh) override { return node_.renew_actor(fresh); }
  const engine::Options& options() const override { return node_.options(); }
  engine::Statistics statistics() override { return node_.statistics(); }
  void reset_statistics() override {}
  void for_each_store_statistic(const std::function<void(std::string_view, uint64_t)>&) override {}
  engine::Status adopt_hash_seed(uint64_t seed) override { return node_.adopt_hash_seed(seed); }
  std::optional<uint64_t> hash_seed_of_records() override { return node_.hash_seed_of_records(); }
  engine::EngineCore& core() override { return node_.core(); }
  engine::Status start() override { return node_.start(); }
  void abandon_start() override { node_.abandon_start(); }
  engine::LoadProgress load_progress() const override { return node_.load_progress(); }
  engine::Status close(engine::Leave leave) override { return node_.close(leave); }

 private:
  static engine::NodeParts parts(const SimDisk& disk, engine::ActorId actor, engine::MemoryLog** log);

  const Setting setting_;
  engine::Fsync fsync_;
  NoObserver observer_;
  engine::MemoryLog* log_ = nullptr;
  engine::NodeEngine node_;
};

}  // namespace starling::sim
