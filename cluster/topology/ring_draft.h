// The steps of the planner: drawing a ring, amending one, balancing the replicas. Part of planner.h. A
// position stands for one partition or for a run of them; here it does not matter for how many.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/topology/fair_share.h"
#include "cluster/topology/spread.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

struct PlanInput {
  const std::vector<Member>& members;   // Ascending by id.
  const std::vector<uint32_t>& quotas;  // In positions; their sum is `positions`.
  const Places& places;
  uint32_t width;    // Of the preference lists.
  size_t positions;  // Of the ring: 1 to engine::kPartitionCount, and every vector of owners has this many.
};

// How much a node at a position would be in its neighbours' way: a partition whose owner, rack or data centre
// is already among the next owners clockwise is passed by in the walk, and then counts for fewer preference
// lists than N. Nodes, racks and data centres too heavy for one place in each list are always in each other's
// way: those are looked through, as if they were not there.
class Crowding {
 public:
  explicit Crowding(const PlanInput& input);

  // 0: not at all. Positions without owner (kNoNode) count as empty.
  uint32_t at(const std::vector<NodeIndex>& owners, size_t position, NodeIndex node) const;
  // The same, looking only at the positions before.
  uint32_t behind(const std::vector<NodeIndex>& owners, size_t position, NodeIndex node) const;

 private:
  uint32_t on_side(const std::vector<NodeIndex>& owners, size_t position, size_t step, NodeIndex node) const;

  const PlanInput& input_;
  MostInAList most_;
  std::vector<bool> heavy_;  // By node: whether it, its rack or its data centre is too heavy.
  uint32_t window_ = 0;      // How many positions of others than heavy nodes matter on each side.
};

// A new ring: each node evenly spread over it, in an order drawn by chance (from the ids).
std::vector<NodeIndex> draw_ring(const PlanInput& input);

// Brings a ring in which some positions may be without owner (kNoNode) towards the quotas, as far as they
// allow: positions stay without owner when no node lacks any. Changes as few as possible. `fixed` positions
// have no owner either, and keep none.
void amend_ring(const PlanInput& input, const std::vector<bool>& fixed, std::vector<NodeIndex>* owners);

// Swaps owners until each node is in its share of the preference lists. Changes `max_changed` positions at
// most.
void balance_ring(const PlanInput& input, size_t max_changed, std::vector<NodeIndex>* owners);

}  // namespace starling::cluster
