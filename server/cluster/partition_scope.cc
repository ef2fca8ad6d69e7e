#include "server/cluster/partition_scope.h"

namespace starling::server {

std::vector<cluster::NodeIndex> answering_nodes(const cluster::Placement& placement,
                                                const PartitionScope& scope) {
  std::vector<cluster::NodeIndex> nodes(engine::kPartitionCount, cluster::kNoNode);
  for (uint32_t partition = 0; partition < engine::kPartitionCount; ++partition) {
    cluster::NodeIndex& found = nodes[partition];
    for (const cluster::NodeIndex node : placement.replicas(static_cast<uint16_t>(partition))) {
      if (!scope.reaches(placement.place_of(node))) continue;
      found = node;
      break;
    }
    if (found != cluster::kNoNode) continue;
    // All replicas are away: whoever stands in has what was written since.
    placement.preference.walk(partition, [&](cluster::NodeIndex node) {
      if (!scope.reaches(placement.place_of(node))) return true;
      found = node;
      return false;
    });
  }
  return nodes;
}

uint32_t run_length(const cluster::Placement& placement, uint32_t first, cluster::NodeIndex node) {
  uint32_t end = first;
  while (end < engine::kPartitionCount && placement.holds(static_cast<uint16_t>(end), node)) ++end;
  return end - first;
}

}  // namespace starling::server
