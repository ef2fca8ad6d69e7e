// What gossip knows of the nodes, as changes of the ring need it (ring_node.h).
#pragma once

#include <span>
#include <vector>

#include "cluster/membership/membership.h"
#include "cluster/topology/ring_node.h"

namespace starling::cluster {

// Those that have said what they are.
std::vector<RingNode> ring_view(std::span<const MemberView> members);

}  // namespace starling::cluster
