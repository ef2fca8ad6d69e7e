// Since when which members are down: who is down for long can be removed without anybody's hand.
//
// What counts is what one node has seen all the time, with most others in sight: after a pause of its own, or a while
// in which more members were away than the ring can do without, the time begins anew for all.
//
// Pure; time is monotonic, in microseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cluster/topology/ring_node.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

class LostMembers {
 public:
  // Every second at least. `most_away`: of members that are not alive.
  void observe(const Topology& present, std::span<const RingNode> nodes, size_t most_away, int64_t now_us);
  // Down for so long at least, as most of those say that are alive; longest first. 0: there are none.
  std::vector<NodeId> down_for(int64_t least_us, int64_t now_us) const;
  // Members that are suspect, down or unknown, when it was last looked.
  size_t away() const { return away_; }

 private:
  std::vector<std::pair<NodeId, int64_t>> since_us_;
  size_t away_ = 0;
  int64_t observed_us_ = 0;
};

}  // namespace starling::cluster
