#include "cluster/topology/transition.h"

#include <algorithm>

#include "cluster/topology/planner.h"
#include "cluster/topology/preference_list.h"
#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

using engine::Status;
using engine::StatusCode;

Status refuse(const std::string& why) {
  return Status(StatusCode::kInvalid, why);
}

bool was_removed(const Topology& topology, const NodeId& id) {
  return std::binary_search(topology.removed.begin(), topology.removed.end(), id);
}

Status apply(const RingChange& change, Topology* next) {
  for (const Member& joining : change.joins) {
    if (next->index_of(joining.id) != kNoNode) return refuse(joining.id.to_string() + " is a member already");
    if (was_removed(*next, joining.id))
      return refuse(joining.id.to_string() +
                    " was removed, and can come back with an empty data directory only");
    if (next->members.size() == kMaxMembers) return refuse("there are as many members as there can be");
    Member member = joining;
    member.weight = std::clamp(member.weight, 1u, kMaxWeight);
    member.state = MemberState::kJoining;
    const auto at = std::lower_bound(next->members.begin(), next->members.end(), member.id,
                                     [](const Member& other, const NodeId& id) { return other.id < id; });
    next->members.insert(at, std::move(member));
  }
  for (const NodeId& id : change.leaves) {
    const NodeIndex place = next->index_of(id);
    if (place == kNoNode) return refuse(id.to_string() + " is no member");
    next->members[place].state = MemberState::kLeaving;
  }
  for (const auto& [id, weight] : change.weights) {
    const NodeIndex place = next->index_of(id);
    if (place == kNoNode) return refuse(id.to_string() + " is no member");
    if (weight < 1 || weight > kMaxWeight) return refuse("a weight is 1 to " + std::to_string(kMaxWeight));
    next->members[place].weight = weight;
  }
  return Status();
}

// Owners of `before` in terms of the members of `next`, which has all of those.
std::vector<NodeIndex> translated(const std::vector<NodeIndex>& owners, const Topology& before,
                                  const Topology& next) {
  std::vector<NodeIndex> places;
  for (const Member& member : before.members) places.push_back(next.index_of(member.id));
  std::vector<NodeIndex> result;
  result.reserve(owners.size());
  for (const NodeIndex owner : owners) result.push_back(places[owner]);
  return result;
}

// Without the members of a state; they never come back.
Topology without(const Topology& present, MemberState gone, const std::vector<NodeIndex>& owners) {
  Topology next = present;
  next.epoch = present.epoch + 1;
  next.transition = {};
  std::erase_if(next.members, [gone](const Member& member) { return member.state == gone; });
  for (Member& member : next.members) member.state = MemberState::kActive;
  for (const Member& member : present.members) {
    if (member.state != gone) continue;
    next.removed.insert(std::lower_bound(next.removed.begin(), next.removed.end(), member.id), member.id);
  }
  next.owners = translated(owners, present, next);
  return next;
}

}  // namespace

Status begin_transition(const Topology& present, const RingChange& change, Topology* next) {
  if (present.changing()) return refuse("the ring is changing already: see CLUSTER REBALANCE");
  if (change.empty()) return refuse("nothing would change");
  *next = present;
  next->epoch = present.epoch + 1;
  if (Status status = apply(change, next); !status.ok()) return status;
  if (next->removed.size() + change.joins.size() + change.leaves.size() > kMaxRemoved)
    return refuse("too many nodes were members of this cluster and are not any more");
  next->owners = translated(present.owners, present, *next);
  std::vector<Member> later = next->members;
  for (Member& member : later) {
    if (member.state == MemberState::kJoining) member.state = MemberState::kActive;
  }
  const bool anybody = std::any_of(next->members.begin(), next->members.end(),
                                   [](const Member& member) { return member.state == MemberState::kActive; });
  if (!anybody) return refuse("nobody would be left");
  next->transition.phase = TransitionPhase::kCopying;
  next->transition.next_owners = plan(later, &present, present.replicas);
  STARLING_ASSERT(check(*next).ok());
  return Status();
}

Topology switched(const Topology& present) {
  STARLING_ASSERT(present.transition.phase == TransitionPhase::kCopying);
  Topology next = present;
  ++next.epoch;
  next.transition.phase = TransitionPhase::kSwitched;
  return next;
}

Topology aborted(const Topology& present) {
  STARLING_ASSERT(present.transition.phase == TransitionPhase::kCopying);
  return without(present, MemberState::kJoining, present.owners);
}

Topology finished(const Topology& present) {
  STARLING_ASSERT(present.transition.phase == TransitionPhase::kSwitched);
  return without(present, MemberState::kLeaving, present.transition.next_owners);
}

Load load_of(const Topology& changing) {
  const PreferenceTable before(changing.members, changing.owners, changing.replicas);
  const PreferenceTable after(changing.members,
                              changing.changing() ? changing.transition.next_owners : changing.owners,
                              changing.replicas);
  Load load;
  load.before.resize(changing.members.size());
  load.after.resize(changing.members.size());
  for (uint32_t partition = 0; partition < changing.partition_count; ++partition) {
    for (const NodeIndex node : before.replicas(partition)) ++load.before[node];
    for (const NodeIndex node : after.replicas(partition)) {
      ++load.after[node];
      if (!before.is_replica(partition, node)) ++load.moved;
    }
  }
  return load;
}

}  // namespace starling::cluster
