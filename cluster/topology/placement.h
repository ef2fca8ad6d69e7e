// One topology as a node serves by it: who holds which partition. Immutable; shared by the loops of a node,
// and replaced as a whole when the topology changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "cluster/topology/preference_list.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

struct Placement {
  // Precondition: `id` is a member (check_membership()).
  Placement(Topology agreed, const NodeId& id);

  Topology topology;
  PreferenceTable preference;
  NodeIndex self;
  // A number for each member's data centre; equal numbers, same data centre.
  std::vector<uint8_t> datacenters;

  std::span<const NodeIndex> replicas(uint16_t partition) const { return preference.replicas(partition); }
  bool holds(uint16_t partition, NodeIndex node) const { return preference.is_replica(partition, node); }

  // The node that a command on the partition goes to: the first replica that can run it, so that without
  // failures one node serialises all changes of a key. If none can, whoever comes next in the preference list
  // stands in; not in a strict quorum, which is of replicas: a stand-in would take what it lacks for absent.
  // A replica that stands back, as its clock is wrong, runs it when no other replica can. kNoNode: nobody can.
  NodeIndex runner(uint16_t partition, bool strict, absl::FunctionRef<bool(NodeIndex)> can_run,
                   absl::FunctionRef<bool(NodeIndex)> stands_back) const;
};

}  // namespace starling::cluster
