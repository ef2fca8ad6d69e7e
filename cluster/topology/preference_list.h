// Which nodes hold a partition, in which order of preference. Made once for each topology; immutable
// afterwards, so any number of threads may read it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "cluster/topology/spread.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

class PreferenceTable {
 public:
  // Precondition: check(topology) is ok. Keeps nothing of it. Pending moves are not looked at: the table of
  // where things go is that of a topology whose owners are the next ones.
  explicit PreferenceTable(const Topology& topology);
  PreferenceTable(const std::vector<Member>& members, std::vector<NodeIndex> owners, uint32_t replicas);

  // The replicas of each partition: N, or all nodes that own partitions when they are fewer.
  size_t width() const { return width_; }
  // The first width() distinct nodes clockwise from the partition, spread over data centres and racks while
  // there are any left (spread.h). Most preferred first. Valid as long as the table.
  std::span<const NodeIndex> replicas(uint32_t partition) const {
    return {lists_.data() + partition * width_, width_};
  }
  bool is_replica(uint32_t partition, NodeIndex node) const {
    for (const NodeIndex replica : replicas(partition)) {
      if (replica == node) return true;
    }
    return false;
  }
  // Visits every node that owns partitions, once: first replicas(partition) in their order, then the
  // fallbacks, by the same rule. Ends early when visit returns false. The same on every node. Costs a walk
  // around the ring: for when a replica is missing, not for each request.
  void walk(uint32_t partition, const std::function<bool(NodeIndex)>& visit) const;

 private:
  void fill_lists();

  std::vector<NodeIndex> owners_;
  size_t members_;
  Places places_;
  size_t width_;
  std::vector<NodeIndex> lists_;
};

}  // namespace starling::cluster
