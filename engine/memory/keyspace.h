// The records of one node in memory: for each database 16384 partition tables, guarded by striped locks.
//
// A stripe guards the same partitions of every database, so an operation over two databases needs no second
// order. A space is a database's identity on disk: FLUSHDB gives the database a fresh space, and the old
// one's rows are garbage from that moment on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/base/dot.h"
#include "engine/base/key.h"
#include "engine/memory/actor_table.h"
#include "engine/memory/entry.h"
#include "engine/memory/table.h"
#include "engine/memory/version_tally.h"

namespace starling::engine {

inline constexpr int kDatabases = 16;  // Redis's default; SELECT 0-15.
inline constexpr uint32_t kStripeCount = 1024;

inline constexpr uint16_t stripe_of(uint16_t partition) {
  return partition % kStripeCount;
}

// One partition of one database, in a cache line of its own. Guarded by its stripe.
struct alignas(64) Partition {
  Table table;
  uint32_t live = 0;           // Live records, in memory or only in the store.
  uint32_t with_deadline = 0;  // Of those, the ones with a deadline.
  uint32_t dirty = 0;          // Slots with a dirty tag.
  uint32_t removals = 0;       // Entries that left the table: see Loader for what this guards.
  bool complete = true;        // A key that is not in the table is not in the store either.
  uint32_t swept = 0;          // The number of the last checkpoint that wrote this partition.
};

struct DatabaseTables {
  DatabaseTables(uint32_t space_id, uint8_t deadline_slot_of_database)
      : space(space_id), deadline_slot(deadline_slot_of_database) {}
  // Allocates the partitions at first use: most databases of most nodes are never used. Any thread.
  void ensure_used() {
    if (!used.load(std::memory_order_acquire)) allocate();
  }
  void allocate();

  const uint32_t space;
  // What references of the deadline index call these records: 0 to 15, unique among the databases. It goes
  // with the records through SWAPDB, and on to the tables that FLUSHDB puts in their place.
  const uint8_t deadline_slot;
  // A checkpoint may have taken rows of this space to the store. Guarded by all stripes.
  bool stored = false;
  std::atomic<bool> used{false};
  std::once_flag once;
  std::unique_ptr<Partition[]> partitions;
  // Sums over the partitions; each changes under its own stripe only, hence atomic.
  std::atomic<uint64_t> live{0};
  std::atomic<uint64_t> with_deadline{0};

  Partition& partition(const Key& key) { return partitions[key.partition]; }
  void add_live(Partition& partition, int change) {
    if (change == 0) return;  // The sum is shared by all loops.
    partition.live += static_cast<uint32_t>(change);
    live.fetch_add(static_cast<uint64_t>(static_cast<int64_t>(change)), std::memory_order_relaxed);
  }
  void add_with_deadline(Partition& partition, int change) {
    if (change == 0) return;
    partition.with_deadline += static_cast<uint32_t>(change);
    with_deadline.fetch_add(static_cast<uint64_t>(static_cast<int64_t>(change)), std::memory_order_relaxed);
  }
};

// The stripes, and the accounting of memory, which is kept by stripe and summed in coarse steps.
class Stripes {
 public:
  void prefetch(uint16_t stripe) const { __builtin_prefetch(&stripes_[stripe]); }
  void lock(uint16_t stripe) { stripes_[stripe].mutex.lock(); }
  bool try_lock(uint16_t stripe) { return stripes_[stripe].mutex.try_lock(); }
  void unlock(uint16_t stripe) { stripes_[stripe].mutex.unlock(); }
  // While somebody keeps one for long (a script that takes its time) this lets go of those that it has, and tries
  // again a little later: whoever needs only those goes on.
  void lock_all();
  void unlock_all() {
    for (auto& stripe : stripes_) stripe.mutex.unlock();
  }

  // Bytes of records, tables and collections. The stripe is held.
  void add_bytes(uint16_t stripe, int64_t change) { add(stripes_[stripe].bytes, bytes_, change); }
  // Of those, bytes of records that wait for a checkpoint.
  void add_dirty_bytes(uint16_t stripe, int64_t change) {
    add(stripes_[stripe].dirty_bytes, dirty_bytes_, change);
  }
  // A lookup by a reading command. The stripe is held.
  void count_lookup(uint16_t stripe, bool hit) {
    increase(hit ? stripes_[stripe].hits : stripes_[stripe].misses, uint64_t{1});
  }
  // Of an operation, under one of its stripes.
  void count_changes(uint16_t stripe, uint64_t changes) { increase(stripes_[stripe].changes, changes); }
  struct Totals {
    int64_t bytes = 0;
    int64_t dirty_bytes = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t changes = 0;
  };
  // Exact while nothing changes. Takes no stripe: whoever asks may hold some.
  Totals totals() const;
  // Lookups count from here on.
  void reset_lookups();

  // True to within kStep for each stripe. Any thread.
  uint64_t bytes() const { return clamp(bytes_.load(std::memory_order_relaxed)); }
  uint64_t dirty_bytes() const { return clamp(dirty_bytes_.load(std::memory_order_relaxed)); }

 private:
  bool try_lock_all();

  static constexpr int64_t kStep = 256;
  // The numbers have one writer at a time, who holds the stripe; atomic for those who only look.
  struct alignas(64) Stripe {
    // What nearly every command touches comes first, to lie in one cache line.
    std::mutex mutex;
    std::atomic<uint64_t> hits{0};
    std::atomic<uint64_t> changes{0};
    std::atomic<int64_t> dirty_bytes{0};
    std::atomic<int64_t> bytes{0};  // Not yet in the sum, like dirty_bytes.
    std::atomic<uint64_t> misses{0};
  };
  static uint64_t clamp(int64_t bytes) { return bytes < 0 ? 0 : static_cast<uint64_t>(bytes); }
  template <typename T>
  static T increase(std::atomic<T>& number, T change) {
    const T result = number.load(std::memory_order_relaxed) + change;
    number.store(result, std::memory_order_relaxed);
    return result;
  }
  static void add(std::atomic<int64_t>& part, std::atomic<int64_t>& sum, int64_t change) {
    const int64_t pending = increase(part, change);
    if (pending < kStep && pending > -kStep) return;
    sum.fetch_add(pending, std::memory_order_relaxed);
    part.store(0, std::memory_order_relaxed);
  }
  Totals all_totals() const;

  std::array<Stripe, kStripeCount> stripes_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> dirty_bytes_{0};
  std::atomic<uint64_t> forgotten_hits_{0};  // Before the last reset_lookups().
  std::atomic<uint64_t> forgotten_misses_{0};
};

// How often each partition's records changed, over all databases: who keeps sums over a partition's versions
// learns by them which to compute anew. A partition counts under its stripe; any thread reads. They begin at
// 0 with the process, and wrap.
class ChangeCounts {
 public:
  // The partition's stripe is held, so nobody else counts it.
  void add(uint16_t partition) {
    std::atomic<uint32_t>& count = counts_[partition];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint32_t of(uint16_t partition) const { return counts_[partition].load(std::memory_order_relaxed); }
  void prefetch(uint16_t partition) const { __builtin_prefetch(&counts_[partition]); }

 private:
  std::array<std::atomic<uint32_t>, kPartitionCount> counts_{};
};

// Up to which stamp each partition is settled (settled.h), over all databases; 0: not at all. A partition's
// changes under its stripe; any thread reads.
class SettledStamps {
 public:
  Stamp of(uint16_t partition) const { return stamps_[partition].load(std::memory_order_acquire); }
  // The partition's stripe is held. Never goes back, but for clear().
  void raise(uint16_t partition, Stamp stamp) {
    if (stamp > of(partition)) stamps_[partition].store(stamp, std::memory_order_release);
  }
  // Likewise. `to`: 0 or kLost.
  void clear(uint16_t partition, Stamp to) { stamps_[partition].store(to, std::memory_order_release); }
  // No event of this node will ever have a stamp at or below this one, in no later life either.
  void prefetch(uint16_t partition) const { __builtin_prefetch(&stamps_[partition]); }
  Stamp promised() const { return promised_.load(std::memory_order_acquire); }
  void promise(Stamp stamp);

 private:
  std::array<std::atomic<Stamp>, kPartitionCount> stamps_{};
  std::atomic<Stamp> promised_{0};
};

// Which tables each database has now. Changed under all stripes; read under any one.
struct Keyspace {
  Keyspace();
  Stripes stripes;
  ActorTable actors;
  ChangeCounts changes;
  SettledStamps settled;
  VersionTallies tallies;
  std::array<std::shared_ptr<DatabaseTables>, kDatabases> databases;
  uint32_t next_space = kDatabases;
  // Tables of flushed databases, to be freed in the background. Guarded by all stripes, like databases.
  std::vector<std::shared_ptr<DatabaseTables>> dropped;
  // Spaces of flushed databases that the store still has rows of. Those must stay until a checkpoint says
  // that no database has the space: a replay that begins earlier works on them. Guarded likewise.
  std::vector<uint32_t> flushed_spaces;

  // Brings nearer what every change of the partition's records touches beside their tables.
  void prefetch(uint16_t partition) const {
    stripes.prefetch(stripe_of(partition));
    changes.prefetch(partition);
    if (!tallies.enabled()) return;
    settled.prefetch(partition);
    __builtin_prefetch(&tallies.of(partition));
  }
  // What the partitions hold has changed at once. All stripes are held.
  void note_change_of_all();
  // The tables left a database: hands them to `dropped`, their space to flushed_spaces. All stripes are held.
  void drop(std::shared_ptr<DatabaseTables> tables);
  // Frees the records of dropped tables and returns their bytes to the accounting, one stripe after another.
  void release(DatabaseTables& tables);
};

// Bytes an entry and what it owns occupy.
size_t entry_bytes(const Entry& entry);

}  // namespace starling::engine
