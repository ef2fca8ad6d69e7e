// Which keys have changes that other nodes did not get: the durable part of hinted handoff.
//
// A hint says (target, key). It is no record: it has no history, leaves no tombstone, and whoever looks at
// keys never meets it. It is logged in the frame of the change that it goes with, or in one behind it, so it
// is as durable as that; checkpoints take it to a family of the store of its own.
//
//   row of the hints family := target size:u8 target:bytes  record key (storage_key.h)  -> kept_ms:u64
//
//   state of a hint     leaves it by
//   waiting             take(): under way
//   under way           delivered(): gone, or waiting once more if the key changed meanwhile; restore(): waiting
//
// All hints are in memory, within max_bytes: what is over that is not kept, and the caller must not say that
// it was. A target is an id that means nothing here.
//
// Any thread. Changes are made under the stripe of the key, by Operation::keep_hint() and drop_hint(), so
// that the log has those of one key in their order.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/base/key.h"
#include "engine/base/status.h"
#include "engine/store/store.h"

namespace starling::engine {

class Engine;
struct Keyspace;

inline constexpr uint64_t kDefaultHintBytes = 256ull << 20;

struct WaitingHint {
  int database = 0;
  std::string key;
};

struct HintTargetReport {
  std::string target;
  size_t waiting = 0;  // Those under way included.
  size_t under_way = 0;
  size_t bytes = 0;       // Of memory.
  int64_t oldest_ms = 0;  // Wall clock; when it was kept.
};

struct HintName {
  std::string target, key;
};

enum class HintOutcome : int {
  kKept,    // To be logged.
  kKnown,   // It waited already.
  kNoRoom,  // Nothing was kept.
};

class HintTable {
 public:
  // `keyspace` outlives it.
  explicit HintTable(Keyspace& keyspace);
  ~HintTable();
  HintTable(const HintTable&) = delete;
  HintTable& operator=(const HintTable&) = delete;

  void set_max_bytes(uint64_t bytes) { max_bytes_.store(bytes, std::memory_order_relaxed); }

  // --- Delivery. No stripe may be held by this thread.
  // Up to `count` hints of the target that are not under way, the oldest first.
  std::vector<WaitingHint> take(std::string_view target, size_t count);
  // It was not delivered, and waits again.
  void restore(std::string_view target, const WaitingHint& hint);
  // Those kept before `before_ms`, not under way, and of a partition that `choose` takes; up to `count`. They
  // stay: drop them by Operation::drop_hint().
  std::vector<WaitingHint> older_than(std::string_view target, int64_t before_ms, size_t count,
                                      const std::function<bool(uint16_t partition)>& choose);

  // --- Looking.
  size_t waiting(std::string_view target) const;
  // A hint of this key waits, or is under way, for anybody.
  bool any(uint32_t space, const Key& key) const;
  // Partitions of which a hint waits.
  std::bitset<kPartitionCount> partitions() const;
  std::vector<HintTargetReport> report() const;
  // All of them: for tests.
  std::vector<HintName> names() const;
  // Since the start.
  uint64_t kept() const { return kept_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  // --- For Operation; the key's stripe is held. `bounded`: false for what is replayed.
  HintOutcome keep(std::string_view target, uint32_t space, const Key& key, int64_t now_ms, bool bounded);
  // Delivered, as of take(). True: it is gone, which is to be logged.
  bool delivered(std::string_view target, uint32_t space, const Key& key);
  // True: it was there, and is gone.
  bool drop(std::string_view target, uint32_t space, const Key& key);
  // The database was flushed; all stripes are held.
  void drop_space(uint32_t space);

  // --- For checkpoints. What they write may be later than the moment they began: each hint's last change in
  // the log decides. Rows changed since the last call, in the order of their keys; no value: erased.
  std::map<std::string, std::optional<std::string>> take_changes();
  // The rows of the last take_changes() did not get to the store.
  void restore_changes(const std::map<std::string, std::optional<std::string>>& rows);

  // --- For Recovery.
  Status load(Store& store);
  // Those of spaces that no database has any more go.
  void drop_unmapped();

 private:
  // The two containers' shares of a hint, rounded up.
  static constexpr size_t kContainerBytes = 64;
  struct Hint {
    uint64_t sequence;
    int64_t kept_ms;
    uint32_t space;
    uint16_t partition;
    bool under_way = false;
    bool changed_again = false;  // Since it is under way.
    std::string key;

    size_t memory_bytes() const { return sizeof(Hint) + key.size() + kContainerBytes; }
  };
  struct Name {
    uint32_t space;
    std::string_view key;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Hint* hint) const;
    size_t operator()(const Name& name) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Hint* a, const Hint* b) const { return a == b; }
    bool operator()(const Hint* a, const Name& b) const;
    bool operator()(const Name& a, const Hint* b) const { return (*this)(b, a); }
  };
  struct Queue {
    absl::btree_map<uint64_t, std::unique_ptr<Hint>> order;  // By age.
    absl::flat_hash_set<Hint*, Hash, Equal> names;
    size_t under_way = 0;
    size_t bytes = 0;
  };

  Hint* find(std::string_view target, uint32_t space, std::string_view key) const;
  Hint* insert(std::string_view target, uint32_t space, const Key& key, int64_t kept_ms);
  void remove(std::string_view target, Hint* hint);
  static std::string row_key(std::string_view target, const Hint& hint);
  std::vector<WaitingHint> with_databases(std::vector<Name> names, std::vector<std::string> keys) const;

  Keyspace& keyspace_;
  std::atomic<uint64_t> max_bytes_{kDefaultHintBytes};
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> kept_{0};
  mutable std::mutex mutex_;  // Taken under stripes; guards what follows.
  std::map<std::string, Queue, std::less<>> queues_;
  std::vector<uint32_t> in_partition_;  // Hints of each; empty before the first.
  uint64_t next_sequence_ = 1;
  // The store has the hints up to this one, but for rows to be erased.
  uint64_t stored_sequence_ = 0;
  uint64_t stored_before_ = 0;  // Before the last take_changes().
  std::vector<std::string> erased_rows_;
};

// The engine's own table.
HintTable& hints_of(Engine& engine);

}  // namespace starling::engine
