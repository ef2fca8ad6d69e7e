// One topology as a node serves by it: who holds which partition. Immutable; shared by the loops of a node, and
// replaced as a whole when the topology changes.
//
// Nodes are named by their numbers (node_numbers.h) here, not by their places in the topology's list.
//
// While the ring changes (topology.h, Transition) a partition may have two lists of replicas: by the ring that is read,
// and by the other one. A write needs its quorum in both; a node in both counts in both. Reads, and the choice of who
// coordinates, know the ring that is read alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "cluster/topology/node_numbers.h"
#include "cluster/topology/preference_list.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

// The nodes that a write goes to, and the sets of them of which each needs a quorum: bit i of a set is nodes[i].
struct Writers {
  std::span<const NodeIndex> nodes;  // The replicas that are read first, in order of preference.
  std::span<const uint64_t> sets;    // One; two while the partition moves.
};

class Placement {
 public:
  // Precondition: `id` is a member (check_membership()), and all members' numbers are known. Without numbers, each
  // member's is its place in the list.
  Placement(Topology agreed, const NodeId& id, const NodeNumbers* numbers = nullptr);
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  const Topology topology;

 private:                                 // Before what is made with them.
  const std::vector<NodeIndex> numbers_;  // By place in the topology.
  const std::vector<NodeIndex> places_;   // By number; kNoNode for those of nodes that are no members.

 public:
  const PreferenceTable preference;  // Of the ring that is read.
  const NodeIndex self;
  // By number, a number for each member's data centre; equal numbers, same data centre.
  std::vector<uint8_t> datacenters;

  // The members, in the order of their ids.
  const std::vector<NodeIndex>& nodes() const { return numbers_; }
  // One more than the greatest number of a member.
  size_t numbers_end() const { return places_.size(); }
  bool is_member(NodeIndex node) const { return node < places_.size() && places_[node] != kNoNode; }
  // Precondition: is_member(node).
  const Member& member(NodeIndex node) const { return topology.members[places_[node]]; }
  const NodeId& id_of(NodeIndex node) const { return member(node).id; }
  // kNoNode when it is no member.
  NodeIndex number_of(const NodeId& id) const {
    const NodeIndex place = topology.index_of(id);
    return place == kNoNode ? kNoNode : numbers_[place];
  }
  // A member's place in the topology's list, which all nodes know by the epoch: what may be sent to them.
  NodeIndex place_of(NodeIndex node) const { return places_[node]; }

  // Those that are read, most preferred first.
  std::span<const NodeIndex> replicas(uint16_t partition) const { return preference.replicas(partition); }
  bool holds(uint16_t partition, NodeIndex node) const { return preference.is_replica(partition, node); }

  // The ring that is read and the other one have different replicas for it, or in another order.
  bool moving(uint16_t partition) const { return !move_of_.empty() && move_of_[partition] != kNotMoving; }
  Writers writers(uint16_t partition) const {
    return moving(partition) ? moves_[move_of_[partition]].writers() : Writers{replicas(partition), one_set_};
  }
  // It is one of the nodes that a write goes to.
  bool stores(uint16_t partition, NodeIndex node) const;
  // By the other ring. Precondition: topology.changing().
  std::span<const NodeIndex> other_replicas(uint16_t partition) const { return other_->replicas(partition); }

  // The node that a command on the partition goes to: the first replica that can run it, so that without
  // failures one node serialises all changes of a key. If none can, whoever comes next in the preference list
  // stands in; not in a strict quorum, which is of replicas: a stand-in would take what it lacks for absent.
  // A replica that stands back, as its clock is wrong, runs it when no other replica can. kNoNode: nobody can.
  NodeIndex runner(uint16_t partition, bool strict, absl::FunctionRef<bool(NodeIndex)> can_run,
                   absl::FunctionRef<bool(NodeIndex)> stands_back) const;

 private:
  static constexpr uint16_t kNotMoving = 0xffff;
  struct Move {
    std::vector<NodeIndex> nodes;
    uint64_t sets[2];
    Writers writers() const { return {nodes, sets}; }
  };
  PreferenceTable table_of(const std::vector<NodeIndex>& owners) const;
  void find_moves();
  void number_datacenters();

  std::unique_ptr<const PreferenceTable> other_;  // Null without a transition.
  std::vector<Move> moves_;                       // Each pair of lists once.
  std::vector<uint16_t> move_of_;                 // By partition. Empty without a transition.
  uint64_t one_set_[1];
};

}  // namespace starling::cluster
