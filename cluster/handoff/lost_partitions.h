// Removes the records of partitions that this node has lost to others by a change of the ring, a step at a time.
//
// The others have them: the ring changes when they do (handoff.h). What waits here for a node that is away stays, and
// goes with its hint. Before the first record goes, what was settled of the partition is not any more
// (cluster/README.md, "Tombstones"), and this node's events are another actor's: should the partition come back,
// nothing that is said here claims to have seen what was forgotten.
//
// Only what this node has seen go is removed: of a node that comes back to a ring that has changed without it nobody
// has compared what it alone may have (written with W below a majority), so that stays. What a stop interrupts goes
// on at the next start. A partition that is to come back while it is removed is what the next change of the ring
// waits for (drops, in gossip).
//
// One thread, but for perform() and may_forget(): any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "cluster/topology/partition_set.h"
#include "cluster/topology/placement.h"
#include "engine/core/engine.h"

namespace starling::cluster {

class LostPartitions {
 public:
  // What is to be done next, and what was.
  struct Step {
    std::vector<uint16_t> unmarked;
    std::vector<uint16_t> partitions;  // Left to do, the last one first.
    std::vector<uint16_t> done;
    uint64_t cursor = 0;
    uint64_t forgotten = 0;
    bool renews = false;
    engine::Status status;
  };

  // `among`: partitions that may have records.
  LostPartitions(engine::Engine& engine, const PartitionSet& among) : engine_(engine), among_(among) {}

  // Before anybody serves by the placement: what this node stores by it is not removed any more.
  void keep(const Placement& next);
  // It is in force. `before`: what was until now; null: this node has just started.
  void follow(const Placement* before, const Placement& now);

  bool idle() const { return left_.empty() && unmarked_.empty(); }
  size_t left() const { return left_.size(); }
  uint64_t forgotten() const { return forgotten_; }

  // One step at a time: begin(), perform(), note().
  Step begin();
  // Until `goes_on` says no, asked after each few keys; it may end within a partition, and then goes on there. `fresh`:
  // an actor that nobody else is or was. Blocks on the disk.
  void perform(Step* step, engine::ActorId fresh, int64_t now_ms, absl::FunctionRef<bool()> goes_on);
  void note(const Step& step);

 private:
  bool may_forget(uint16_t partition) const { return lost_[partition].load(std::memory_order_acquire); }
  void find_lost(const Placement* before, const Placement& now);

  engine::Engine& engine_;
  const PartitionSet among_;
  std::array<std::atomic<bool>, engine::kPartitionCount> lost_{};
  std::vector<uint16_t> left_;  // To do, the last one first, from the cursor on.
  uint64_t cursor_ = 0;
  std::vector<uint16_t> unmarked_;  // No replica's any more; what was settled of them is not yet none.
  bool renewed_ = false;            // The actor, since the ring changed last.
  uint64_t forgotten_ = 0;
};

}  // namespace starling::cluster
