// The shell of cluster::LostPartitions: removes what is others' now in the background, on the engine's disk threads.
//
// The first loop's thread.
#pragma once

#include <cstdint>

#include "cluster/handoff/lost_partitions.h"
#include "server/net/event_loop.h"

namespace starling::server {

class ClusterThread;
class Server;

class RangeDropper {
 public:
  RangeDropper(Server& server, ClusterThread& thread);

  // Before anybody serves by the placement.
  void keep(const cluster::Placement& next) { lost_.keep(next); }
  // It is in force. `before`: what was until now; null: this node has just started.
  void follow(const cluster::Placement* before, const cluster::Placement& now);

  uint64_t forgotten() const { return lost_.forgotten(); }
  size_t partitions_left() const { return lost_.left(); }

 private:
  void run();
  void note(const cluster::LostPartitions::Step& step, int64_t took_us);

  Server& server_;
  ClusterThread& thread_;
  cluster::LostPartitions lost_;
  bool running_ = false;
  uint64_t told_ = 0;
  Timer pause_;
};

}  // namespace starling::server
