#include "cluster/topology/transition_driver.h"

#include <algorithm>
#include <utility>

#include "cluster/topology/preference_list.h"
#include "cluster/wire/short_id.h"

namespace starling::cluster {
namespace {

// The change under way is this one, or has it within.
bool contains(const Topology& present, const RingChange& change) {
  const auto leaves = [&](const NodeId& id) {
    const NodeIndex place = present.index_of(id);
    return place == kNoNode || present.members[place].state == MemberState::kLeaving;
  };
  const auto weighs = [&](const auto& wanted) {
    const NodeIndex place = present.index_of(wanted.first);
    return place == kNoNode || present.members[place].weight == wanted.second;
  };
  return std::all_of(change.leaves.begin(), change.leaves.end(), leaves) &&
         std::all_of(change.weights.begin(), change.weights.end(), weighs);
}

// How many members that are down a change can go without: no majority of the present replicas of any partition may
// consist of those.
size_t may_miss(const Topology& present) {
  const auto on_ring =
      std::count_if(present.members.begin(), present.members.end(),
                    [](const Member& member) { return member.state != MemberState::kJoining; });
  return std::min<size_t>(present.replicas, static_cast<size_t>(on_ring)) / 2;
}

}  // namespace

bool TransitionDriver::request(RingChange change) {
  if (requests_.size() >= kMaxRequests) return false;
  requests_.push_back(std::move(change));
  return true;
}

std::optional<Topology> TransitionDriver::proposal(const Topology& present, std::span<const RingNode> nodes,
                                                   int64_t now_us) {
  waiting_for_.clear();
  lost_.observe(present, nodes, may_miss(present), now_us);
  forget_begun(present);
  abort_ = abort_ && present.transition.phase == TransitionPhase::kCopying;
  if (abort_) return aborted(present);
  switch (present.transition.phase) {
    case TransitionPhase::kNone:
      return begin(present, nodes, now_us);
    case TransitionPhase::kCopying:
      find_gainers(present);
      if (!all_have(present, nodes, &RingNode::received) || !my_turn(present, nodes, now_us))
        return std::nullopt;
      return switched(present);
    case TransitionPhase::kSwitched:
      if (!all_have(present, nodes, &RingNode::epoch) || !my_turn(present, nodes, now_us))
        return std::nullopt;
      return finished(present);
  }
  return std::nullopt;
}

std::optional<Topology> TransitionDriver::begin(const Topology& present, std::span<const RingNode> nodes,
                                                int64_t now_us) {
  // Who is removing records of a partition must be done before it can be brought that partition again. Who has not
  // said yet that it serves by the present ring may have something to remove.
  for (const Member& member : present.members) {
    const RingNode* node = find_node(nodes, member.id);
    if (node == nullptr || node->down || (node->epoch >= present.epoch && !node->drops)) continue;
    waiting_for_ = "node " + short_id(member.id) + " to remove what is others' now";
    return std::nullopt;
  }
  Topology next;
  // An operator's: who asks for what cannot be is told so before. It stays until it has begun, as another change may
  // come first.
  while (!requests_.empty()) {
    if (begin_transition(present, requests_.front(), &next).ok()) return next;
    requests_.erase(requests_.begin());
  }
  const RingChange change = due_change(present, nodes, now_us);
  if (change.empty()) due_epoch_ = 0;  // What is due later is so from then on.
  if (change.empty() || !my_turn(present, nodes, now_us) || !begin_transition(present, change, &next).ok())
    return std::nullopt;
  return next;
}

RingChange TransitionDriver::due_change(const Topology& present, std::span<const RingNode> nodes,
                                        int64_t now_us) {
  RingChange change;
  std::vector<NodeId> joiners;
  for (const RingNode& node : nodes) {
    if (!node.joins || !node.alive || present.index_of(node.id) != kNoNode) continue;
    if (std::binary_search(present.removed.begin(), present.removed.end(), node.id)) continue;
    joiners.push_back(node.id);
    change.joins.push_back(*node.joins);
  }
  if (joiners != joiners_) {
    joiners_ = std::move(joiners);
    joiners_since_us_ = now_us;
  }
  if (!joiners_.empty() && now_us - joiners_since_us_ < settings_.settle_us) return {};
  // Whoever else is away may be brought a share of it, and that would be waited for. Nor is anything decided by half.
  const size_t members = present.members.size(), away = lost_.away();
  const size_t spare =
      joiners_.empty() ? members - std::min<size_t>(members, present.replicas) : joiners_.size();
  change.leaves =
      lost_.down_for(joiners_.empty() ? settings_.remove_after_us : settings_.replace_after_us, now_us);
  if (change.leaves.size() != away || away > spare || 2 * (members - away) <= members) change.leaves.clear();
  return change;
}

void TransitionDriver::forget_begun(const Topology& present) {
  if (!present.changing()) return;
  std::erase_if(requests_, [&](const RingChange& change) { return contains(present, change); });
}

void TransitionDriver::find_gainers(const Topology& present) {
  if (gainers_epoch_ == present.epoch) return;
  gainers_epoch_ = present.epoch;
  const PreferenceTable before(present.members, present.owners, present.replicas);
  const PreferenceTable after(present.members, present.transition.next_owners, present.replicas);
  gains_.assign(present.members.size(), false);
  for (uint32_t partition = 0; partition < present.partition_count; ++partition) {
    for (const NodeIndex node : after.replicas(partition)) {
      if (!before.is_replica(partition, node)) gains_[node] = true;
    }
  }
}

bool TransitionDriver::all_have(const Topology& present, std::span<const RingNode> nodes,
                                Epoch RingNode::*what) {
  const bool copying = present.transition.phase == TransitionPhase::kCopying;
  size_t left_out = may_miss(present);
  for (size_t place = 0; place < present.members.size(); ++place) {
    const RingNode* node = find_node(nodes, present.members[place].id);
    const bool leaves = present.members[place].state == MemberState::kLeaving;
    // Who leaves and is up hands over what it keeps for others as well.
    const bool kept = leaves && node != nullptr && !node->down && node->received < present.epoch;
    if (node != nullptr && node->*what >= present.epoch && !kept) continue;
    const bool must = copying && gains_[place];
    if (node != nullptr && node->down && !must && left_out > 0) {
      --left_out;
      continue;
    }
    waiting_for_ = (copying ? "what is to be brought to node " : "the new ring to reach node ") +
                   short_id(present.members[place].id);
    return false;
  }
  return true;
}

bool TransitionDriver::my_turn(const Topology& present, std::span<const RingNode> nodes, int64_t now_us) {
  if (due_epoch_ != present.epoch) {
    due_epoch_ = present.epoch;
    due_since_us_ = now_us;
  }
  int64_t before_me = 0;
  for (const Member& member : present.members) {
    if (member.state == MemberState::kJoining || !(member.id < self_)) continue;
    const RingNode* node = find_node(nodes, member.id);
    before_me += node != nullptr && node->alive ? 1 : 0;
  }
  return now_us >= due_since_us_ + before_me * settings_.turn_us;
}

}  // namespace starling::cluster
