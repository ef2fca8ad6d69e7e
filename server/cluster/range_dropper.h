// Removes the records of partitions that this node has lost to others by a change of the ring: in the background, on
// the engine's disk threads, a step at a time.
//
// The others have them: the ring changes when they do (cluster/handoff/handoff.h). What waits here for a node that is
// away stays, and goes with its hint. Before the first record goes, what was settled of the partition is not any more
// (cluster/README.md, "Tombstones"), and this node's events are another actor's: should the partition come back,
// nothing that is said here claims to have seen what was forgotten.
//
// What a stop interrupts begins anew at the next start, but for partitions of which it had begun: those records stay
// until the partition has come and gone once more, and harm nobody.
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
  void run();

  Server& server_;
  ClusterThread& thread_;
  std::array<std::atomic<bool>, engine::kPartitionCount> lost_{};
  std::vector<uint16_t> left_;  // To do, the last one first.
  bool renewed_ = false;        // The actor, since the ring changed last.
  bool running_ = false;
  uint64_t forgotten_ = 0, told_ = 0;
  Timer pause_;
};

}  // namespace starling::server
