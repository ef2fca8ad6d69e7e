// Who gets what this node keeps for another one (server/cluster/hint_keeper.h), as the ring changes.
#pragma once

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "cluster/topology/placement.h"

namespace starling::cluster {

// What was kept for a member: itself; where it is no replica of the partition any more, one that is. Not valid:
// this node is one.
inline NodeId recipient(const Placement& placement, const NodeId& target, uint16_t partition,
                        absl::FunctionRef<bool(NodeIndex)> healthy) {
  const NodeIndex node = placement.number_of(target);
  if (node == kNoNode || placement.stores(partition, node)) return target;
  if (placement.stores(partition, placement.self)) return {};
  const auto replicas = placement.replicas(partition);
  const auto found =
      std::find_if(replicas.begin(), replicas.end(), [&](NodeIndex replica) { return healthy(replica); });
  return placement.id_of(found == replicas.end() ? replicas.front() : *found);
}

// What was kept for a node that is no member any more. Not valid: this node holds it.
inline NodeId heir(const Placement& placement, uint16_t partition) {
  if (placement.stores(partition, placement.self)) return {};
  return placement.id_of(placement.replicas(partition)[0]);
}

}  // namespace starling::cluster
