// Removes the records of partitions that this node has lost to others by a change of the ring: in the background, on
// the engine's disk threads, a step at a time.
//
// The others have them: the ring changes when they do (cluster/handoff/handoff.h). What waits here for a node that is
// away stays, and goes with its hint. Before the first record goes, what was settled of the partition is not any more
// (cluster/README.md, "Tombstones"), and this node's events are another actor's: should the partition come back,
// nothing that is said here claims to have seen what was forgotten.
//
// Only what this node has seen go is removed: of a node that comes back to a ring that has changed without it nobody
// has compared what it alone may have (written with W below a majority), so that stays. What a stop interrupts goes
// on at the next start. A partition that is to come back while it is removed is what the next change of the ring
// waits for (drops, in gossip).
//
// The first loop's thread, but for may_forget().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "cluster/topology/placement.h"
#include "engine/base/status.h"
#include "server/net/event_loop.h"

namespace starling::server {

class ClusterThread;
class Server;

class RangeDropper {
 public:
  RangeDropper(Server& server, ClusterThread& thread);

  // Before anybody serves by the placement: what this node stores by it is not removed any more.
  void keep(const cluster::Placement& next);
  // It is in force. `before`: what was until now; null: this node has just started.
  void follow(const cluster::Placement* before, const cluster::Placement& now);

  uint64_t forgotten() const { return forgotten_; }
  size_t partitions_left() const { return left_.size(); }

 private:
  struct Step;
  bool may_forget(uint16_t partition) const { return lost_[partition].load(std::memory_order_acquire); }
  void find_lost(const cluster::Placement* before, const cluster::Placement& now);
  void run();
  void note(const Step& step);

  Server& server_;
  ClusterThread& thread_;
  std::array<std::atomic<bool>, engine::kPartitionCount> lost_{};
  std::vector<uint16_t> left_;  // To do, the last one first, from the cursor on.
  uint64_t cursor_ = 0;
  std::vector<uint16_t> unmarked_;  // No replica's any more; what was settled of them is not yet none.
  bool renewed_ = false;            // The actor, since the ring changed last.
  bool running_ = false;
  uint64_t forgotten_ = 0, told_ = 0;
  Timer pause_;
};

}  // namespace starling::server
