#include "cluster/topology/placement.h"

#include <algorithm>
#include <string_view>

#include "engine/base/assert.h"

namespace starling::cluster {

Placement::Placement(Topology agreed, const NodeId& id)
    : topology(std::move(agreed)), preference(topology), self(topology.index_of(id)) {
  STARLING_ASSERT(self != kNoNode);
  std::vector<std::string_view> names;
  for (const Member& member : topology.members) {
    auto found = std::find(names.begin(), names.end(), member.datacenter);
    // More data centres than numbers share the last one.
    if (found == names.end() && names.size() < 255) found = names.insert(names.end(), member.datacenter);
    datacenters.push_back(static_cast<uint8_t>(found - names.begin()));
  }
}

NodeIndex Placement::runner(uint16_t partition, bool strict, absl::FunctionRef<bool(NodeIndex)> can_run,
                            absl::FunctionRef<bool(NodeIndex)> stands_back) const {
  NodeIndex found = kNoNode;
  for (const NodeIndex node : replicas(partition)) {
    if (!can_run(node)) continue;
    if (!stands_back(node)) return node;
    if (found == kNoNode) found = node;
  }
  if (found != kNoNode) return found;
  if (strict) return found;
  preference.walk(partition, [&](NodeIndex node) {
    if (!can_run(node)) return true;
    found = node;
    return false;
  });
  return found;
}

}  // namespace starling::cluster
