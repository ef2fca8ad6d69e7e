// What the engine tells of the sums of the versions held here (cluster/repair/version_index.h), and the scans that
// find out those it does not know yet, on its disk threads, one step after another.
//
// The first loop's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/repair/version_index.h"
#include "engine/core/engine.h"
#include "server/net/event_loop.h"

namespace starling::server {

class VersionSums {
 public:
  VersionSums(engine::Engine& engine, EventLoop& loop, const engine::Clock& clock);

  cluster::VersionIndex& index() { return index_; }
  // Learns what has changed since the last call.
  void observe();
  void observe(uint16_t partition);
  // Its sum is to be found out anew.
  void doubt(uint16_t partition);
  // What a clean stop left in the directory is known from the start; before anything changes.
  void recall(const std::string& directory);
  // Leaves what is known to the next start. Nothing may change any more.
  engine::Status remember(const std::string& directory);

  // Finds out what is in doubt of `among`, and observes it. Something may be in doubt even then: what was
  // flushed or settled meanwhile, or is written to without a break. `done` on this thread, perhaps before
  // this returns. Not urgent: leaves the disk thread alone for most of the time.
  void compute(const cluster::PartitionSet& among, bool urgent, std::function<void(engine::Status)> done);
  uint64_t partitions_scanned() const { return scanned_; }

 private:
  struct Job {
    cluster::PartitionSet among;
    bool urgent = false;
    bool begun = false;
    std::function<void(engine::Status)> done;
  };
  struct Step;

  void run_next();
  void finish_job(const engine::Status& status);
  void take(Step& step);
  void doubt_outdated(const cluster::PartitionSet& among);

  engine::Engine& engine_;
  EventLoop& loop_;
  const engine::Clock& clock_;
  cluster::VersionIndex index_;
  std::deque<Job> jobs_;  // The first one is being done. At most one for each peer and this node itself.
  std::shared_ptr<Step> step_;
  bool scanning_ = false;
  uint64_t scanned_ = 0;
  Timer pause_;
};

}  // namespace starling::server
