#include "cluster/topology/topology.h"

#include <algorithm>

namespace starling::cluster {
namespace {

using engine::Status;
using engine::StatusCode;

Status invalid(const std::string& what) {
  return Status(StatusCode::kInvalid, "topology: " + what);
}

Status check_member(const Member& member) {
  const std::string name = "member " + member.id.to_string();
  if (!member.id.valid()) return invalid("a member has no id");
  if (member.host.empty() || member.host.size() > kMaxHostBytes) return invalid(name + ": host");
  if (member.weight < 1 || member.weight > kMaxWeight) return invalid(name + ": weight");
  if (member.rack.size() > kMaxPlaceBytes) return invalid(name + ": rack");
  if (member.datacenter.size() > kMaxPlaceBytes) return invalid(name + ": datacenter");
  if (member.state < MemberState::kActive || member.state > MemberState::kRemoved)
    return invalid(name + ": state");
  return Status();
}

Status check_members(const std::vector<Member>& members) {
  if (members.empty() || members.size() > kMaxMembers) return invalid("number of members");
  bool active = false;
  for (size_t i = 0; i < members.size(); ++i) {
    if (Status status = check_member(members[i]); !status.ok()) return status;
    if (i > 0 && !(members[i - 1].id < members[i].id)) return invalid("members out of order");
    active = active || members[i].state == MemberState::kActive;
  }
  return active ? Status() : invalid("no active member");
}

Status check_removed(const Topology& topology) {
  if (topology.removed.size() > kMaxRemoved) return invalid("too many removed ids");
  for (size_t i = 0; i < topology.removed.size(); ++i) {
    const NodeId& id = topology.removed[i];
    if (!id.valid() || (i > 0 && !(topology.removed[i - 1] < id))) return invalid("removed ids out of order");
    if (topology.index_of(id) != kNoNode) return invalid("a removed id is a member");
  }
  return Status();
}

Status check_moves(const Topology& topology) {
  for (size_t i = 0; i < topology.moves.size(); ++i) {
    const PendingMove& move = topology.moves[i];
    if (move.partition >= topology.partition_count || move.next_owner >= topology.members.size())
      return invalid("a move out of range");
    if (i > 0 && topology.moves[i - 1].partition >= move.partition) return invalid("moves out of order");
    if (topology.owners[move.partition] == move.next_owner) return invalid("a move to where it is");
  }
  return Status();
}

}  // namespace

NodeIndex Topology::index_of(const NodeId& id) const {
  const auto at =
      std::lower_bound(members.begin(), members.end(), id,
                       [](const Member& member, const NodeId& sought) { return member.id < sought; });
  return at != members.end() && at->id == id ? static_cast<NodeIndex>(at - members.begin()) : kNoNode;
}

Status check_membership(const Topology& topology, const NodeId& id) {
  if (topology.index_of(id) != kNoNode) return Status();
  const bool removed = std::binary_search(topology.removed.begin(), topology.removed.end(), id);
  return {StatusCode::kInvalid,
          "this node, " + id.to_string() + ", " +
              (removed ? "was removed from its cluster" : "is no member of its cluster") + " (epoch " +
              std::to_string(topology.epoch) + "). To join anew it must start in an empty data directory"};
}

Status check(const Topology& topology) {
  if (topology.epoch == 0) return invalid("no epoch");
  if (topology.cluster_id == 0) return invalid("no cluster id");
  if (topology.replicas < 1 || topology.replicas > kMaxReplicas) return invalid("number of replicas");
  if (topology.partition_count != engine::kPartitionCount) return invalid("number of partitions");
  if (topology.owners.size() != topology.partition_count) return invalid("number of owners");
  if (Status status = check_members(topology.members); !status.ok()) return status;
  for (const NodeIndex owner : topology.owners) {
    if (owner >= topology.members.size() || topology.members[owner].state != MemberState::kActive)
      return invalid("an owner that is no active member");
  }
  if (Status status = check_removed(topology); !status.ok()) return status;
  return check_moves(topology);
}

}  // namespace starling::cluster
