// One topology as a node serves by it: who holds which partition. Immutable; shared by the loops of a node,
// and replaced as a whole when the topology changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/preference_list.h"
#include "cluster/topology.h"

namespace starling::cluster {

struct Placement {
  // Precondition: `id` is a member.
  Placement(Topology agreed, const NodeId& id);

  Topology topology;
  PreferenceTable preference;
  NodeIndex self;
  // A number for each member's data centre; equal numbers, same data centre.
  std::vector<uint8_t> datacenters;

  std::span<const NodeIndex> replicas(uint16_t partition) const { return preference.replicas(partition); }
  bool holds(uint16_t partition, NodeIndex node) const { return preference.is_replica(partition, node); }
};

}  // namespace starling::cluster
