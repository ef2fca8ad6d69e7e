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
  bool voter = false;
  for (size_t i = 0; i < members.size(); ++i) {
    if (Status status = check_member(members[i]); !status.ok()) return status;
    if (i > 0 && !(members[i - 1].id < members[i].id)) return invalid("members out of order");
    voter = voter || members[i].state == MemberState::kActive;
  }
  return voter ? Status() : invalid("no active member");
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

// Whether each partition has an owner, and none of the state that members of this ring do not have.
Status check_owners(const Topology& topology, const std::vector<NodeIndex>& owners, MemberState barred) {
  if (owners.size() != topology.partition_count) return invalid("number of owners");
  for (const NodeIndex owner : owners) {
    if (owner >= topology.members.size()) return invalid("an owner out of range");
    const MemberState state = topology.members[owner].state;
    if (state == barred || state == MemberState::kRemoved)
      return invalid("an owner that owns nothing in this ring");
  }
  return Status();
}

Status check_transition(const Topology& topology) {
  const Transition& transition = topology.transition;
  if (transition.phase > TransitionPhase::kSwitched) return invalid("phase of the transition");
  if (topology.changing()) return check_owners(topology, transition.next_owners, MemberState::kLeaving);
  if (!transition.next_owners.empty()) return invalid("owners of a ring that is not to come");
  for (const Member& member : topology.members) {
    if (member.state != MemberState::kActive)
      return invalid("a member that joins or leaves, and no transition");
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
  if (Status status = check_members(topology.members); !status.ok()) return status;
  if (Status status = check_owners(topology, topology.owners, MemberState::kJoining); !status.ok())
    return status;
  if (Status status = check_removed(topology); !status.ok()) return status;
  return check_transition(topology);
}

}  // namespace starling::cluster
