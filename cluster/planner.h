// Assigns partitions to nodes: for a new cluster, and again whenever a member joins, leaves or changes its
// weight. A pure function: the same members and previous topology give the same owners on every node.
//
// What it promises, for active members whose weights differ by less than a factor of the partition count:
//   - every node owns its weighted share of the partitions, rounded down or up;
//   - every node is in its fair share of the preference lists (fair_share.h), within 1 % or N lists (the
//   lists that
//     one partition is in), whichever is more, where racks and data centres of unequal weight allow it;
//   - with a previous topology, only what must move moves: the partitions of members that are gone, and what
//   the
//     others have beyond their share. To mend the balance of replicas, at most kMaxMendedPartitions more.
//   - neighbours on the ring are drawn by chance, so that the walk past a lost node leads to all the others.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/topology.h"

namespace starling::cluster {

inline constexpr uint32_t kMaxMendedPartitions = engine::kPartitionCount / 100;

// The owners of all partitions, as indexes into the members in ascending order of ids, whatever order they
// are given in. `previous` may be null. Preconditions: at least one active member, ids are distinct, 1 <=
// replicas <= kMaxReplicas. Takes tens of milliseconds, seconds never.
std::vector<NodeIndex> plan(std::vector<Member> members, const Topology* previous, uint32_t replicas);

}  // namespace starling::cluster
