// What the parts of the engine share. Each part (Operation, Checkpointer, Loader, Evictor, Expirer, Scanner)
// has its own file and works on this.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/clock.h"
#include "engine/core/engine.h"
#include "engine/core/hint_table.h"
#include "engine/core/record_rules.h"
#include "engine/log/commit_log.h"
#include "engine/memory/deadline_index.h"
#include "engine/memory/keyspace.h"
#include "engine/memory/lookup_odds.h"
#include "engine/record/hybrid_clock.h"
#include "engine/store/store.h"

namespace starling::engine {

// A change of the store, as a checkpoint will hand it over.
struct Row {
  Family family;
  std::string key;
  std::string value;
  enum class Kind : uint8_t { kEraseRange, kErase, kPut } kind;  // For kEraseRange, value is the upper bound.
};

// Rows saved from records that changed again after a checkpoint began and before it got to them: a checkpoint
// is the exact state of the moment it began. By space and partition.
class SavedRows {
 public:
  void add(uint32_t space, uint16_t partition, Row row) {
    std::lock_guard lock(mutex_);
    rows_[index(space, partition)].push_back(std::move(row));
  }
  std::vector<Row> take(uint32_t space, uint16_t partition) {
    std::lock_guard lock(mutex_);
    const auto node = rows_.extract(index(space, partition));
    return node.empty() ? std::vector<Row>() : std::move(node.mapped());
  }
  void clear() {
    std::lock_guard lock(mutex_);
    rows_.clear();
  }

 private:
  static uint64_t index(uint32_t space, uint16_t partition) { return uint64_t{space} << 16 | partition; }
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::vector<Row>> rows_;
};

struct EngineCore {
  EngineCore(const Options& o, Clock& c, KeyObserver& k)
      : options(o), rules(o.replicated), clock(c), observer(k) {}

  Options options;
  const RecordRules rules;
  Clock& clock;
  KeyObserver& observer;
  Keyspace keyspace;
  HybridClock hybrid_clock;
  // Whose events this node's are. Changed under all stripes (renew_actor()).
  std::atomic<ActorId> actor{0};
  std::atomic<ActorIndex> actor_index{0};
  DeadlineIndex deadlines;
  HintTable hints{keyspace};
  // Replicated, in a directory that was a single node's first: see Loader.
  bool converted = false;

  // Null in memory mode: then nothing is ever dirty and tombstones are not kept.
  std::unique_ptr<CommitLog> log;
  std::unique_ptr<Store> store;
  bool durable() const { return store != nullptr; }

  // Set under all stripes; read under any one.
  DirtyTag current_tag = 1;
  DirtyTag flushing_tag = 0;  // Of the checkpoint under way; 0: none.
  uint32_t checkpoint_number = 0;
  SavedRows saved_rows;

  // As CONFIG SET left them; options has what the node started with.
  std::atomic<EvictionPolicy> policy{EvictionPolicy::kNoEviction};
  std::atomic<int> samples{5};
  std::atomic<bool> lfu{false};  // The policy is an LFU one: access clocks count frequency.
  // By the wall clock; see expiry_hold.h.
  std::atomic<int64_t> expiry_held_until_ms{0};
  std::atomic<bool> expiry_left_to_others{false};
  bool holds_expiry(int64_t now_ms) const {
    return !rules.lapses && (now_ms < expiry_held_until_ms.load(std::memory_order_relaxed) ||
                             expiry_left_to_others.load(std::memory_order_relaxed));
  }
  std::atomic<uint64_t> expired{0};
  std::atomic<uint64_t> evicted{0};
  std::atomic<uint64_t> disk_reads{0};
  LookupOdds cached_reads;

  std::atomic<uint64_t> checkpointed_changes{0};     // Of all changes, those that the last one took along.
  std::atomic<uint64_t> log_bytes_at_checkpoint{0};  // What was left when the last one had ended.
};

// At the start: a stamp of an earlier actor, or of another node, that this one has seen. In a cluster what is
// too far ahead to be taken is no measure for its own; alone nobody else's clock counts. Not for what was
// settled or promised: that holds, whatever the clock says.
inline void restore_seen(EngineCore& core, Stamp stamp) {
  if (core.options.replicated) {
    core.hybrid_clock.witness(stamp, core.clock.wall_ms());
  } else {
    core.hybrid_clock.restore(stamp);
  }
}

// The access clock of an entry: seconds for LRU; minutes << 8 | logarithmic counter for LFU, as in Redis.
uint32_t initial_access(bool lfu, int64_t now_ms);
uint32_t touched_access(bool lfu, uint32_t access, int64_t now_ms, uint64_t noise);
int64_t idle_seconds_of(bool lfu, uint32_t access, int64_t now_ms);
int frequency_of(uint32_t access, int64_t now_ms);

}  // namespace starling::engine
