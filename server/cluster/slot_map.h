// The cluster in the words of Redis Cluster: slots, nodes and states, as CLUSTER's answers need them. The
// same on every node that serves by the same topology.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/placement.h"
#include "engine/engine.h"

namespace starling::server {

class ClusterNode;

struct SlotRange {
  uint16_t first, last;
};

// Ascending. Runs of slots that the same nodes hold in the same order.
std::vector<SlotRange> ranges_by_replicas(const cluster::Placement& placement);
// Ascending. Runs of slots that `node` is the first replica of.
std::vector<SlotRange> ranges_of_first(const cluster::Placement& placement, cluster::NodeIndex node);

// CLUSTER INFO, CLUSTER NODES.
std::string cluster_info(const ClusterNode& cluster);
std::string cluster_nodes(const ClusterNode& cluster);

// Up to `count` names of live keys. Blocks on the disk: pool thread.
std::vector<std::string> keys_in_partition(engine::Engine& engine, int database, uint16_t partition,
                                           size_t count, int64_t now_ms);

}  // namespace starling::server
