// Which part of the keyspace a node answers for when a command over all keys is asked of several nodes.
//
// A key is to be told once, by whichever replica; so each partition has one node that answers for it: the
// first of its preference list that the asking node reaches. Who that is follows from the topology and the
// set of reachable nodes, and comes out the same on every node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/topology/placement.h"
#include "engine/base/key.h"

namespace starling::server {

// By partition; true: it is asked for.
using PartitionSet = std::vector<bool>;

struct PartitionScope {
  cluster::Epoch epoch = 0;
  // Partitions below this one only.
  uint32_t end = engine::kPartitionCount;
  // One bit for each member, the lowest first. Empty: all partitions.
  std::string reachable;

  bool reaches(cluster::NodeIndex node) const {
    return node / 8 < reachable.size() && (static_cast<uint8_t>(reachable[node / 8]) >> node % 8 & 1) != 0;
  }
  void add(cluster::NodeIndex node) {
    if (reachable.size() <= node / 8) reachable.resize(node / 8 + 1);
    reachable[node / 8] = static_cast<char>(static_cast<uint8_t>(reachable[node / 8]) | 1u << node % 8);
  }
  bool operator==(const PartitionScope&) const = default;
};

// The node that answers for each partition; kNoNode where no node is reachable at all.
std::vector<cluster::NodeIndex> answering_nodes(const cluster::Placement& placement,
                                                const PartitionScope& scope);

// Partitions from `first` on, in a row, that `node` holds.
uint32_t run_length(const cluster::Placement& placement, uint32_t first, cluster::NodeIndex node);

}  // namespace starling::server
