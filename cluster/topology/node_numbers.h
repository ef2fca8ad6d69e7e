// The numbers by which a process knows nodes: small, and of one node for as long as the process lives, whatever the
// topology. What refers to nodes by them (requests under way, who is healthy) so means the same under the next epoch,
// where the places in the list of members are others. They are never sent or stored.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "cluster/topology/topology.h"
#include "cluster/wire/node_id.h"

namespace starling::cluster {

// All that were ever members: a topology names that many removed ids at most.
inline constexpr size_t kMaxNodeNumbers = kMaxMembers + kMaxRemoved;
static_assert(kMaxNodeNumbers < kNoNode);

// One thread.
class NodeNumbers {
 public:
  // The members' numbers are theirs from now on. False, and nothing changed: there have been too many nodes in the
  // life of this process.
  [[nodiscard]] bool learn(const Topology& topology) {
    size_t unknown = 0;
    for (const Member& member : topology.members) unknown += numbers_.contains(member.id) ? 0 : 1;
    if (numbers_.size() + unknown > kMaxNodeNumbers) return false;
    for (const Member& member : topology.members)
      numbers_.try_emplace(member.id, static_cast<NodeIndex>(numbers_.size()));
    return true;
  }
  // Precondition: it was learned.
  NodeIndex of(const NodeId& id) const { return numbers_.at(id); }

 private:
  absl::flat_hash_map<NodeId, NodeIndex> numbers_;
};

}  // namespace starling::cluster
