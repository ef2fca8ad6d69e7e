#include "cluster/topology/planner.h"

#include <algorithm>

#include "cluster/topology/fair_share.h"
#include "cluster/topology/ring_draft.h"
#include "engine/base/assert.h"

namespace starling::cluster {
namespace {

constexpr size_t kMaxRun = 64;
// Of the member with the least weight. Rounding to a whole position is then less than 1 % of any share, and
// so are the lists that one position is in, of a share of the lists.
constexpr uint64_t kLeastPositions = 128;

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

bool is_run(const std::vector<NodeIndex>& ring, size_t first, size_t count) {
  for (size_t i = first + 1; i < first + count; ++i) {
    if (ring[i] != ring[first]) return false;
  }
  return true;
}

bool consists_of_runs(const std::vector<NodeIndex>& owners, size_t count) {
  for (size_t i = 0; i < owners.size(); i += count) {
    if (!is_run(owners, i, count)) return false;
  }
  return true;
}

// How many partitions a position of the ring stands for: as many as leave the least share enough positions,
// and break no run of the owners there are.
size_t run_for(const std::vector<Member>& members, const std::vector<NodeIndex>& owners) {
  uint64_t all = 0;
  uint64_t least = UINT64_MAX;
  for (const Member& member : members) {
    if (member.state != MemberState::kActive) continue;
    all += member.weight;
    least = std::min<uint64_t>(least, member.weight);
  }
  size_t run = kMaxRun;
  while (run > 1 && (owners.size() / run * least < kLeastPositions * all || !consists_of_runs(owners, run)))
    run /= 2;
  return run;
}

std::vector<NodeIndex> in_positions(const std::vector<NodeIndex>& owners, size_t run) {
  std::vector<NodeIndex> firsts;
  firsts.reserve(owners.size() / run);
  for (size_t i = 0; i < owners.size(); i += run) firsts.push_back(owners[i]);
  return firsts;
}

std::vector<NodeIndex> in_partitions(const std::vector<NodeIndex>& ring, size_t run) {
  std::vector<NodeIndex> owners;
  owners.reserve(ring.size() * run);
  for (const NodeIndex owner : ring) owners.insert(owners.end(), run, owner);
  return owners;
}

// The longest runs that most of the ring consists of; what joined late may stand between them. Runs that come
// by chance, as those of a node with most of the weight, are no more than a part of the ring.
size_t usual_run(const std::vector<NodeIndex>& ring, size_t longest) {
  for (size_t count = longest; count > 1; count /= 2) {
    size_t whole = 0;
    for (size_t i = 0; i < ring.size(); i += count) whole += is_run(ring, i, count);
    if (whole * count * 2 > ring.size()) return count;
  }
  return 1;
}

// Moves what has to move in runs of `count` positions, as far as surplus and lack are that big. In a ring of
// runs a single position that changes its owner would be in the lists of all positions of the runs before it,
// and its owner would hold more than its share.
void amend_by_runs(const PlanInput& input, size_t count, std::vector<NodeIndex>* ring) {
  std::vector<NodeIndex> runs = in_positions(*ring, count);
  std::vector<bool> fixed(runs.size(), false);
  std::vector<uint32_t> owned(input.members.size(), 0);
  for (const NodeIndex owner : *ring) {
    if (owner != kNoNode) ++owned[owner];
  }
  std::vector<uint32_t> quotas(input.members.size(), 0);
  for (size_t i = 0; i < runs.size(); ++i) {
    fixed[i] = !is_run(*ring, i * count, count);
    if (fixed[i]) {
      runs[i] = kNoNode;
    } else if (runs[i] != kNoNode) {
      ++quotas[runs[i]];
    }
  }
  for (size_t node = 0; node < quotas.size(); ++node) {
    if (owned[node] < input.quotas[node]) {
      quotas[node] += (input.quotas[node] - owned[node]) / static_cast<uint32_t>(count);
    } else {
      quotas[node] -=
          std::min(quotas[node], (owned[node] - input.quotas[node]) / static_cast<uint32_t>(count));
    }
  }
  amend_ring({input.members, quotas, input.places, input.width, runs.size()}, fixed, &runs);
  for (size_t i = 0; i < ring->size(); ++i) {
    if (!fixed[i / count]) (*ring)[i] = runs[i / count];
  }
}

}  // namespace

std::vector<NodeIndex> plan(std::vector<Member> members, const Topology* previous, uint32_t replicas) {
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  std::vector<NodeIndex> active;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].state == MemberState::kActive) active.push_back(static_cast<NodeIndex>(i));
  }
  STARLING_ASSERT(!active.empty() && members.size() <= kMaxMembers);
  const std::vector<NodeIndex> carried = carry_over(members, previous);
  const size_t run = run_for(members, carried);
  std::vector<NodeIndex> ring = in_positions(carried, run);
  std::vector<uint32_t> owned(members.size(), 0);
  bool new_ring = true;
  for (const NodeIndex owner : ring) {
    if (owner == kNoNode) continue;
    ++owned[owner];
    new_ring = false;
  }
  const std::vector<uint32_t> quotas = position_quotas(members, owned, ring.size());
  const Places places(members, active);
  const PlanInput input{members, quotas, places,
                        static_cast<uint32_t>(std::min<size_t>(replicas, active.size())), ring.size()};
  if (new_ring) {
    ring = draw_ring(input);
    balance_ring(input, SIZE_MAX, &ring);
  } else {
    for (size_t count = usual_run(ring, kMaxRun / run); count > 0; count /= 2)
      amend_by_runs(input, count, &ring);
    balance_ring(input, kMaxMendedPartitions / run, &ring);
  }
  return in_partitions(ring, run);
}

}  // namespace starling::cluster
