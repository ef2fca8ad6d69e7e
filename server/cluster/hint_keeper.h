// Hinted handoff: what this node keeps for others that cannot be reached, and how fast they get it when they
// are back. Which keys those are is in the engine, as durable as the changes themselves
// (engine/core/hint_table.h); the target gets the records as they are then, so a key waits once, however often it
// changed.
//
// Two kinds of nodes keep hints. A replica keeps one for another replica: it has the record anyway, and
// should the hint go (too old, no room), comparing replicas finds the difference. A stand-in, which is no
// replica of the key, may have the only copy: its hints never expire, what it has no room for it refuses, and
// once the last one of a key is delivered it forgets the record.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/repair/version_index.h"
#include "cluster/wire/node_id.h"
#include "engine/core/engine.h"
#include "engine/core/hint_table.h"

namespace starling::server {

using Hint = engine::WaitingHint;

struct HintLimits {
  uint64_t max_bytes = engine::kDefaultHintBytes;  // Of memory, over all targets.
  int64_t max_age_ms = 0;                          // 0: none.
  uint64_t bytes_per_second = 0;                   // To each target; 0: no limit.
};

struct HintReport {
  struct Target {
    cluster::NodeId id;
    size_t waiting = 0;
    size_t bytes = 0;
    int64_t oldest_ms = 0;  // Wall clock; when it was kept.
    uint64_t delivered = 0, delivered_bytes = 0;
    size_t under_way = 0;
  };
  size_t waiting = 0;
  size_t bytes = 0;
  // Since the start.
  uint64_t kept = 0, delivered = 0;
  uint64_t dropped = 0;         // No room: left to the comparison of replicas.
  uint64_t expired = 0;         // Too old: likewise.
  uint64_t forgotten = 0;       // Records that this node kept for others only.
  std::vector<Target> targets;  // Those of which a hint waits, by id.
};

// How one delivery ended.
struct HandedOver {
  bool stored = false;
  size_t bytes = 0;
  std::string context;  // Of the record that was sent; empty: there was none.
};

class HintKeeper {
 public:
  using Holds = std::function<bool(uint16_t partition)>;

  explicit HintKeeper(engine::Engine& engine) : engine_(engine), table_(engine::hints_of(engine)) {}

  void set_limits(const HintLimits& limits);

  // `keys` is a sequence of `key` (cluster/wire/data_messages.h). True: all are kept, and durable with the next
  // commit, which is the caller's. False: there was no room for some. No operation of this thread is under
  // way.
  bool keep(const cluster::NodeId& target, std::string_view keys, int64_t now_ms);

  // --- Delivery.
  // Takes up to `count` hints of the target, the oldest first, as far as its bandwidth allows. Each comes
  // back by finish().
  std::vector<Hint> take(const cluster::NodeId& target, size_t count, int64_t now_us);
  // `holds`: whether this node is a replica of the partition. Logs what it changes: a commit must follow.
  void finish(const cluster::NodeId& target, const Hint& hint, const HandedOver& result, const Holds& holds,
              int64_t now_ms);
  // Drops what has become too old; a bounded number at a time. Logs: a commit must follow when it returns
  // true.
  bool expire(const Holds& holds, int64_t now_ms);

  // The target is no member any more. `heir` says who gets what this node kept for it of a partition; no
  // valid id: nobody, as this node is a replica itself. A bounded number at a time. Logs: a commit must
  // follow when it returns true.
  bool bequeath(const cluster::NodeId& target, const std::function<cluster::NodeId(uint16_t partition)>& heir,
                int64_t now_ms);

  // --- Looking.
  size_t waiting(const cluster::NodeId& target) const;
  HintReport report() const;
  // Partitions of which hints wait here, or were dropped (for room, for age) since compared() was told of
  // them. What was dropped before this start is not among them.
  cluster::PartitionSet partitions() const;
  // All replicas of these were compared, completely, since before partitions() was asked.
  void compared(const cluster::PartitionSet& partitions);

 private:
  struct Flow {
    int64_t allowance_bytes = 0;
    int64_t at_us = 0;  // 0: nothing was taken yet.
    uint64_t delivered = 0, delivered_bytes = 0;
  };
  size_t affordable(Flow& flow, size_t count, int64_t now_us);

  engine::Engine& engine_;
  engine::HintTable& table_;
  mutable std::mutex mutex_;  // Guards what follows. Taken before nothing of the engine's.
  HintLimits limits_;
  absl::flat_hash_map<cluster::NodeId, Flow> flows_;
  int64_t mean_bytes_ = 1024;  // Of the records delivered lately.
  cluster::PartitionSet dropped_partitions_;
  uint64_t delivered_ = 0, dropped_ = 0, expired_ = 0, forgotten_ = 0;
};

// A node's id as the engine keeps it.
std::string_view hint_target(const cluster::NodeId& id);

}  // namespace starling::server
