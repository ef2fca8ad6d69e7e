// One node's data: records in memory over a commit log and a store. The façade that server/ sees.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/heap.h"
#include "engine/base/policies.h"
#include "engine/base/status.h"
#include "engine/core/operation.h"
#include "engine/log/commit_log.h"
#include "engine/store/store.h"

namespace starling::engine {

inline constexpr int kDatabaseCount = 16;
struct EngineCore;

// Told of what happens to keys. Called with the key's stripe held, on whichever thread changed it: be brief,
// and call nothing of the engine.
class KeyObserver {
 public:
  virtual ~KeyObserver() = default;
  virtual void modified(int database, std::string_view key) = 0;
  virtual void expired(int database, std::string_view key) = 0;
  virtual void evicted(int database, std::string_view key) = 0;
  virtual void flushed(int database) = 0;
};

// What the engine's own threads do that may keep others waiting.
enum class Activity { kSyncForReplies, kSyncInBackground, kExpiry };

struct Options {
  bool durable = true;            // storage rocksdb; false: storage memory.
  std::string directory;          // Of the data; durable only.
  uint64_t hash_seed = 0;         // Of a new directory, and in memory mode (key.h). Draw it at random.
  uint64_t max_memory_bytes = 0;  // 0: no limit.
  EvictionPolicy policy =
      EvictionPolicy::kNoEviction;  // Memory mode only: with a store, eviction loses nothing.
  int samples = 5;
  Fsync fsync = Fsync::kEverySecond;
  uint64_t checkpoint_log_bytes = 512ull << 20;
  int disk_threads = 4;
  // False: nothing is done in the background (syncs, expiry, eviction, checkpoints) but what is called for.
  bool threads = true;
  bool active_expire = true;
  // Records keep their whole causal history, and deletes stay as tombstones, so that other nodes can hold
  // copies (replication.h). A directory that was once opened with it is refused without.
  bool replicated = false;
  uint64_t block_cache_bytes = 0;  // 0: an eighth of max_memory_bytes, or 64 MiB without a limit.
  // Resident bytes of the process, so that the limit holds for what the system sees. Empty: only what is
  // accounted.
  std::function<uint64_t()> resident_bytes;
  // The allocator, so that the process holds no more than it uses where memory is short. Outlives the engine.
  // Null: nothing is asked of it.
  Heap* heap = nullptr;
  // Told how long one of these took, by the thread that did it. May be empty.
  std::function<void(Activity activity, int64_t duration_us)> took;
};

struct Statistics {
  uint64_t memory_bytes;  // Records, tables and collections.
  uint64_t dirty_bytes;   // Of those, waiting for a checkpoint.
  uint64_t budget_bytes;  // What they may take now; 0: no limit.
  uint64_t store_memory_bytes, store_disk_bytes, log_bytes;
  uint64_t keyspace_hits, keyspace_misses;
  uint64_t expired, evicted, disk_reads, checkpoints, log_syncs;
  uint64_t index_entries;             // References of the deadline index.
  uint64_t changes_since_checkpoint;  // Of records, elements and whole databases; in memory mode, all.
  int64_t last_checkpoint_ms, last_checkpoint_duration_ms;
  bool last_checkpoint_ok, log_ok, checkpoint_running;
};

struct ScanFilter {
  std::function<bool(std::string_view key)> match;  // Empty: all.
  Type type = Type::kNone;                          // kNone: all.
  // The scan goes up to this partition; there its cursor is where that begins, and 0 only at the end of all.
  uint32_t end_partition = kPartitionCount;
  // By partition: visited or passed over. Null: all are visited. Outlives the scan.
  const std::vector<bool>* partitions = nullptr;
};

// What start() has done of what it has to do. Bytes of the commit log; 0 and 0: nothing is known yet, or to be done.
struct LoadProgress {
  uint64_t loaded_bytes = 0, total_bytes = 0;
};

// What a clean stop leaves to the next start. kLog: the commit log, to be replayed. kNothing: a checkpoint has taken it
// to the store; should that fail, or be killed, it is as with kLog.
enum class Leave { kLog, kNothing };

class Engine {
 public:
  // prepare() and start(), for who has nothing to say in between.
  static Status open(const Options& options, Clock& clock, uint64_t random_seed, KeyObserver& observer,
                     const std::function<void(const std::string&)>& progress,
                     std::unique_ptr<Engine>* engine);
  // Opens or creates the data directory: takes its lock, checks its format, draws a new actor after an unclean stop,
  // opens the store. It takes no longer where there is more data. `progress` gets lines for the log file of the server,
  // as long as the engine lives, from any thread.
  static Status prepare(const Options& options, Clock& clock, uint64_t random_seed, KeyObserver& observer,
                        const std::function<void(const std::string&)>& progress,
                        std::unique_ptr<Engine>* engine);
  virtual ~Engine() = default;

  // Replays the commit log, then starts the threads; once. Before it has returned ok no key may be touched: no
  // Operation, no fetch(), scan(), checkpoint(), snapshot(), adopt_hash_seed() or close(). The rest may be called
  // by any thread meanwhile; commit() has nothing to do then, and prefetch() does nothing.
  virtual Status start() = 0;
  // start() ends soon, with an error. Any thread.
  virtual void abandon_start() = 0;
  virtual LoadProgress load_progress() const = 0;

  // --- Misses. Reads the keys' records on a disk thread and installs them; then calls `done` on that thread.
  virtual void fetch(std::vector<KeyRef> keys, std::function<void(Status)> done) = 0;

  // Brings what commands on these keys will touch nearer, for a batch of commands parsed ahead: one after the
  // other each would wait for its own memory. Only a hint; takes stripes for an instant, never waits for one.
  virtual void prefetch(std::span<const Lookup> lookups) = 0;

  // --- Commit. Called by a loop at the end of each pass, before its replies leave.
  // Fsync::kEverySecond, kNo: writes what is pending. On failure the replies of this pass's writes must be
  // errors.
  virtual Status commit() = 0;
  // Fsync::kAlways: true when `position` is durable. Otherwise `notify` (from subscribe_durable) will be
  // called.
  virtual bool durable(LogPosition position) = 0;
  // The position behind all that was changed so far: who reads what is not durable yet waits for this.
  virtual LogPosition last_position() const = 0;
  // Wakes the sync thread for what is pending. Thread-safe.
  virtual void request_sync() = 0;
  // `notify` is called from the sync thread whenever the durable position moved or the log failed.
  virtual void subscribe_durable(std::function<void()> notify) = 0;
  // Else refuse writes with write_refusal() (log unwritable, disk full, checkpoints fail). Cheap, any thread.
  virtual bool writable() const = 0;
  virtual Status write_refusal() const = 0;
  // True after a failed fsync: the process must exit and be restarted.
  virtual bool dead() const = 0;

  // --- Memory.
  // True when a command that may need memory must be refused (memory mode, noeviction, or nothing left to
  // evict). Evicts a bounded amount when over the limit.
  virtual bool make_room() = 0;
  // True while changed records outrun the checkpoint: loops should pause reading from clients that write.
  virtual bool congested() const = 0;

  // --- Whole keyspace. These may block on the disk: call them on a pool thread, without an Operation, unless
  // `operation` is one that has lock_all()ed.
  virtual uint64_t scan(int database, uint64_t cursor, uint64_t count, const ScanFilter& filter,
                        int64_t now_ms, const std::function<void(std::string_view key)>& visit,
                        Operation* operation) = 0;
  virtual std::optional<std::string> random_key(int database, int64_t now_ms, Operation* operation) = 0;
  virtual uint64_t count_in_partition(int database, uint16_t partition) = 0;

  // Runs `work` on a disk thread.
  virtual void offload(std::function<void()> work) = 0;

  // This node's events are another actor's from now on, as after an unclean start: what it has forgotten of its own
  // earlier ones (forget_partition(), replication.h) no later one claims to have seen. False, and nothing changed:
  // there are as many actors as can be told apart. Any thread, without an operation.
  [[nodiscard]] virtual bool renew_actor(ActorId fresh) = 0;

  // --- Operators.
  virtual Status checkpoint() = 0;                       // Blocks: pool thread.
  virtual Status snapshot(const std::string& path) = 0;  // An openable data directory. Blocks: pool thread.
  virtual void set_max_memory(uint64_t bytes) = 0;
  virtual void set_policy(EvictionPolicy policy, int samples) = 0;
  virtual void set_fsync(Fsync fsync) = 0;
  virtual Fsync fsync() const = 0;
  virtual void set_active_expire(bool enabled) = 0;
  virtual const Options& options() const = 0;
  virtual Statistics statistics() = 0;
  // CONFIG RESETSTAT: hits, misses, expired, evicted and disk reads begin again.
  virtual void reset_statistics() = 0;
  virtual void for_each_store_statistic(const std::function<void(std::string_view, uint64_t)>& visit) = 0;
  // From here on hashes of names have this seed (key.h), now and after a restart. kInvalid when they have another
  // one and a record is there already. No other thread may be at work on keys.
  virtual Status adopt_hash_seed(uint64_t seed) = 0;
  // The seed, if there are records in its order.
  virtual std::optional<uint64_t> hash_seed_of_records() = 0;
  // --- For the engine's own parts.
  virtual EngineCore& core() = 0;
  // Clean stop: all pending durable, the clean-stop marker set. No operation may be under way, or come.
  virtual Status close(Leave leave) = 0;
};

}  // namespace starling::engine
