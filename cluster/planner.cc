#include "cluster/planner.h"

#include <algorithm>

#include "cluster/fair_share.h"
#include "cluster/ring_draft.h"
#include "engine/assert.h"

namespace starling::cluster {
namespace {

// The previous owners in terms of the present members; kNoNode where the owner is gone or no longer active.
std::vector<NodeIndex> carry_over(const std::vector<Member>& members, const Topology* previous) {
  std::vector<NodeIndex> owners(engine::kPartitionCount, kNoNode);
  if (previous == nullptr) return owners;
  std::vector<NodeIndex> present(previous->members.size(), kNoNode);
  for (size_t i = 0; i < members.size(); ++i) {
    const NodeIndex before = previous->index_of(members[i].id);
    if (before != kNoNode && members[i].state == MemberState::kActive)
      present[before] = static_cast<NodeIndex>(i);
  }
  for (size_t partition = 0; partition < owners.size(); ++partition)
    owners[partition] = present[previous->owners[partition]];
  return owners;
}

}  // namespace

std::vector<NodeIndex> plan(std::vector<Member> members, const Topology* previous, uint32_t replicas) {
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  std::vector<NodeIndex> active;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].state == MemberState::kActive) active.push_back(static_cast<NodeIndex>(i));
  }
  STARLING_ASSERT(!active.empty() && members.size() <= kMaxMembers);
  std::vector<NodeIndex> owners = carry_over(members, previous);
  std::vector<uint32_t> owned(members.size(), 0);
  bool new_ring = true;
  for (const NodeIndex owner : owners) {
    if (owner == kNoNode) continue;
    ++owned[owner];
    new_ring = false;
  }
  const std::vector<uint32_t> quotas = partition_quotas(members, owned);
  const Places places(members, active);
  const PlanInput input{members, quotas, places,
                        static_cast<uint32_t>(std::min<size_t>(replicas, active.size()))};
  if (new_ring) {
    owners = draw_ring(input);
    balance_ring(input, SIZE_MAX, &owners);
  } else {
    amend_ring(input, &owners);
    balance_ring(input, kMaxMendedPartitions, &owners);
  }
  return owners;
}

}  // namespace starling::cluster
