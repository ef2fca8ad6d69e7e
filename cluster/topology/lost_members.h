// Since when which members are down: who is down for long can be removed without anybody's hand.
//
// Pure; time is monotonic, in microseconds, as one node measures it: after its own restart it begins anew.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cluster/topology/ring_node.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

class LostMembers {
 public:
  // Often: a member that was back in between must have been seen.
  void observe(const Topology& present, std::span<const RingNode> nodes, int64_t now_us);
  // Down for so long at least, longest first. 0: there are none.
  std::vector<NodeId> down_for(int64_t least_us, int64_t now_us) const;
  size_t down() const { return since_us_.size(); }

 private:
  std::vector<std::pair<NodeId, int64_t>> since_us_;
};

}  // namespace starling::cluster
