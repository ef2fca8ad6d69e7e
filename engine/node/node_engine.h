// The production Engine: the parts, their threads and their order of starting and stopping.
//
// Threads: the callers' loops; `sync` (fdatasync); `maintenance` (expiry, eviction, checkpoints); the disk
// pool (misses, scans, snapshots).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/disk_pool.h"
#include "engine/base/seeded_random.h"
#include "engine/core/core.h"
#include "engine/core/engine.h"
#include "engine/core/loader.h"
#include "engine/node/actor_file.h"
#include "engine/node/actor_sweep.h"
#include "engine/node/checkpointer.h"
#include "engine/node/evictor.h"
#include "engine/node/expirer.h"
#include "engine/node/memory_governor.h"
#include "engine/node/scanner.h"

namespace starling::engine {

class DirectoryLock;

// What a node stands on. In memory mode store and log are null.
struct NodeParts {
  std::unique_ptr<DirectoryLock> lock;
  std::unique_ptr<ActorFile> actor_file;  // Null where nothing outlives the process.
  ActorId actor = 0;
  std::unique_ptr<CommitLog> log;
  std::unique_ptr<Store> store;
  std::function<void(const std::string&)> progress;  // As Engine::prepare() has it.
};

class NodeEngine final : public Engine {
 public:
  NodeEngine(const Options& options, Clock& clock, uint64_t random_seed, KeyObserver& observer,
             NodeParts parts);
  ~NodeEngine() override;

  Status start() override;
  void abandon_start() override { abandoned_.store(true, std::memory_order_relaxed); }
  LoadProgress load_progress() const override;
  void fetch(std::vector<KeyRef> keys, std::function<void(Status)> done) override;
  void prefetch(std::span<const Lookup> lookups) override;
  Status commit() override;
  bool durable(LogPosition position) override;
  LogPosition last_position() const override { return core_.durable() ? core_.log->appended() : 0; }
  void request_sync() override;
  void subscribe_durable(std::function<void()> notify) override;
  bool writable() const override;
  Status write_refusal() const override;
  bool dead() const override { return dead_.load(std::memory_order_acquire); }
  bool make_room() override;
  bool congested() const override;
  uint64_t scan(int database, uint64_t cursor, uint64_t count, const ScanFilter& filter, int64_t now_ms,
                const std::function<void(std::string_view key)>& visit, Operation* operation) override;
  std::optional<std::string> random_key(int database, int64_t now_ms, Operation* operation) override;
  uint64_t count_in_partition(int database, uint16_t partition) override;
  void offload(std::function<void()> work) override { pool_.submit(std::move(work)); }
  Status checkpoint() override;
  Status snapshot(const std::string& path) override;
  void set_max_memory(uint64_t bytes) override { governor_.set_limit(bytes); }
  void set_policy(EvictionPolicy policy, int samples) override;
  void set_fsync(Fsync fsync) override { fsync_.store(fsync, std::memory_order_relaxed); }
  Fsync fsync() const override { return fsync_.load(std::memory_order_relaxed); }
  void set_active_expire(bool enabled) override { active_expire_.store(enabled, std::memory_order_relaxed); }
  bool renew_actor(ActorId fresh) override;
  const Options& options() const override { return core_.options; }
  Statistics statistics() override;
  void reset_statistics() override;
  void for_each_store_statistic(const std::function<void(std::string_view, uint64_t)>& visit) override;
  Status adopt_hash_seed(uint64_t seed) override;
  std::optional<uint64_t> hash_seed_of_records() override;
  EngineCore& core() override { return core_; }
  Status close(Leave leave) override;

 private:
  Status recover();
  void leave_nothing();
  void serve_sync();
  void serve_maintenance();
  void serve_checkpoints();
  void tick();
  void drop_flushed();
  uint64_t weigh_log();
  bool checkpoint_due();
  void rest();
  Status run_checkpoint();
  bool log_writable() const { return writable_.load(std::memory_order_acquire); }
  bool behind() const;
  Status log_failure(Status status);
  Status sync_log(int64_t* took_us);
  void gather(std::unique_lock<std::mutex>& lock, int64_t last_sync_us);
  void stop_threads();
  bool holds_records() const;
  void notify_durable();

  EngineCore core_;
  Loader loader_;
  Evictor evictor_;
  MemoryGovernor governor_;
  Scanner scanner_;
  Expirer expirer_;
  ActorSweep actor_sweep_;
  Checkpointer checkpointer_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<ActorFile> actor_file_;

  const std::function<void(const std::string&)> progress_;

  std::atomic<bool> abandoned_{false};
  std::atomic<bool> started_{false};  // start() has returned ok.
  std::atomic<uint64_t> loaded_bytes_{0}, bytes_to_load_{0};
  // Up to here a checkpoint has taken the log to the store; nothing: it holds what an earlier run has written.
  std::optional<LogPosition> checkpointed_;

  std::atomic<Fsync> fsync_;
  std::atomic<bool> active_expire_;
  // So much log starts a checkpoint; clients that write wait at a few times as much.
  std::atomic<uint64_t> log_due_bytes_;
  std::atomic<bool> dead_{false};
  std::atomic<bool> writable_{true};
  mutable std::mutex refusal_mutex_;
  Status refusal_;
  Status checkpoint_failure_;  // Of the last one.
  std::atomic<uint64_t> log_syncs_{0};
  std::mutex random_mutex_;
  SeededRandom random_;

  std::mutex checkpoint_mutex_;  // One checkpoint or snapshot at a time.
  std::atomic<bool> checkpoint_running_{false};
  std::atomic<bool> last_checkpoint_ok_{true};
  std::atomic<int64_t> last_checkpoint_ms_{0};
  std::atomic<int64_t> last_checkpoint_duration_ms_{0};
  std::atomic<int64_t> last_checkpoint_us_{0};  // When the last attempt ended, by the monotonic clock.
  std::atomic<uint64_t> checkpoints_{0};
  int64_t store_expiry_us_ = 0;
  // Of the checkpoint thread.
  LogPosition rest_position_ = 0;
  int64_t rest_since_us_ = 0;

  std::mutex sync_mutex_;
  std::condition_variable sync_wake_;
  bool sync_requested_ = false;
  std::vector<std::function<void()>> durable_subscribers_;
  std::mutex maintenance_mutex_;
  std::condition_variable maintenance_wake_;
  bool stopping_ = false;
  bool closed_ = false;
  std::thread sync_thread_;
  std::thread maintenance_thread_;
  std::thread checkpoint_thread_;
  DiskPool pool_;
};

}  // namespace starling::engine
