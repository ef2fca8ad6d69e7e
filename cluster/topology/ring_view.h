// What gossip knows of the nodes, as changes of the ring need it (transition_driver.h).
#pragma once

#include <span>
#include <vector>

#include "cluster/membership/membership.h"
#include "cluster/topology/transition_driver.h"

namespace starling::cluster {

// Those that have said what they are.
std::vector<RingNode> ring_view(std::span<const MemberView> members);

}  // namespace starling::cluster
