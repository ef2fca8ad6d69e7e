// How replicas spread over data centres and racks: the rule by which a walk around the ring takes a node or
// passes it by. Part of preference_list.h and of the planner; others need only those.
//
// A node is taken when its data centre is among those that have the fewest taken nodes, and its rack among
// those of this data centre that have the fewest; places whose nodes are all taken no longer count. So the
// first nodes taken are in distinct data centres, then in distinct racks, then anywhere: for as long as there
// are any left.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/topology/topology.h"

namespace starling::cluster {

// Where the nodes on the ring stand: racks and data centres numbered in the order of the members. Nodes
// without partitions are not on the ring and stand nowhere.
class Places {
 public:
  Places(const std::vector<Member>& members, std::span<const NodeIndex> owners);

  size_t nodes_on_ring() const { return nodes_on_ring_; }
  uint32_t rack_of(NodeIndex node) const { return rack_of_node_[node]; }
  uint32_t datacenter_of_rack(uint32_t rack) const { return datacenter_of_rack_[rack]; }
  size_t racks() const { return nodes_in_rack_.size(); }
  size_t datacenters() const { return racks_in_datacenter_.size(); }
  uint32_t nodes_in_rack(uint32_t rack) const { return nodes_in_rack_[rack]; }
  const std::vector<uint32_t>& racks_in(uint32_t datacenter) const {
    return racks_in_datacenter_[datacenter];
  }

 private:
  size_t nodes_on_ring_ = 0;
  std::vector<uint32_t> rack_of_node_;
  std::vector<uint32_t> datacenter_of_rack_;
  std::vector<uint32_t> nodes_in_rack_;
  std::vector<std::vector<uint32_t>> racks_in_datacenter_;
};

// The state of one walk. Refers to its Places; cheap to clear after few nodes, not thread-safe.
class Spread {
 public:
  explicit Spread(const Places& places);

  bool may_take(NodeIndex node) const {
    const Rack& rack = racks_[places_->rack_of(node)];
    const Datacenter& datacenter = datacenters_[rack.datacenter];
    return datacenter.taken == level_ && rack.taken == datacenter.level;
  }
  // Precondition: may_take(node), and it was not taken yet. Returns whether nodes that were passed by may be
  // taken now.
  bool take(NodeIndex node);
  size_t left() const { return left_; }
  // Gives all nodes back.
  void clear();

 private:
  struct Rack {
    uint32_t datacenter = 0;
    uint32_t taken = 0;
    uint32_t left = 0;  // Nodes not taken.
  };
  struct Datacenter {
    uint32_t taken = 0;
    uint32_t left = 0;
    uint32_t level = 0;           // The fewest taken nodes of a rack that has some left.
    uint32_t racks_at_level = 0;  // Racks that have some left and this many taken.
  };

  const Places* places_;
  std::vector<Rack> racks_;
  std::vector<Datacenter> datacenters_;
  std::vector<NodeIndex> taken_;
  uint32_t level_ = 0;  // The fewest taken nodes of a data centre that has some left.
  uint32_t datacenters_at_level_ = 0;
  size_t left_ = 0;
};

// Walks over `next`, a source of distinct nodes in ring order that ends with kNoNode, and calls visit(node)
// for each one as it is taken, until visit returns false or there are none left. `passed_by` is scratch.
// Leaves `spread` as the walk left it.
template <typename Next, typename Visit>
void walk_spread(Spread* spread, std::vector<NodeIndex>* passed_by, Next next, Visit visit) {
  passed_by->clear();
  bool look_back = false;
  const auto take = [&](NodeIndex node) {
    look_back = spread->take(node);
    return visit(node) && spread->left() > 0;
  };
  while (true) {
    NodeIndex node = kNoNode;
    if (look_back) {
      look_back = false;
      for (size_t i = 0; i < passed_by->size() && node == kNoNode; ++i) {
        if (!spread->may_take((*passed_by)[i])) continue;
        node = (*passed_by)[i];
        passed_by->erase(passed_by->begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (node != kNoNode) {
        // Another one that was passed by may be next.
        if (!take(node)) return;
        look_back = true;
        continue;
      }
    }
    node = next();
    if (node == kNoNode) return;
    if (!spread->may_take(node)) {
      passed_by->push_back(node);
    } else if (!take(node)) {
      return;
    }
  }
}

}  // namespace starling::cluster
