// Assigns partitions to nodes: for a new cluster, and again whenever a member joins, leaves or changes its
// weight. A pure function: the same members and previous topology give the same owners on every node.
//
// What it promises, for active members whose weights differ by less than a factor of the partition count:
//   - every node owns its weighted share of the partitions within 1 %, or rounded down or up;
//   - neighbouring partitions have the same owner, and so the same preference list, in aligned runs of a
//     power of two from 1 to 64: the longest that leave every active member a share of 128 runs, and those
//     of the previous topology whole. Shares are rounded to a whole run, which is less than 1 % of any. So
//     clients that ask for the map of slots get a short one;
//   - every node is in its fair share of the preference lists (fair_share.h), within 1 % or N lists (the
//     lists that one partition is in), whichever is more, where racks and data centres of unequal weight
//     allow it;
//   - with a previous topology, only what must move moves: the partitions of members that are gone, and what
//     the others have beyond their share, in the longest runs that fit. To mend the balance of replicas, at
//     most kMaxMendedPartitions more. Where that does not suffice, replicas are off until further plans mend
//     them: when a member is too light for runs as long as the others', or racks differ in weight;
//   - neighbouring runs are drawn by chance, so that the walk past a lost node leads to all the others.
//     Where all nodes are in every list, the order is the same all around the ring instead.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/topology/topology.h"

namespace starling::cluster {

inline constexpr uint32_t kMaxMendedPartitions = engine::kPartitionCount / 100;

// The owners of all partitions, as indexes into the members in ascending order of ids, whatever order they
// are given in. `previous` may be null. Preconditions: at least one active member, ids are distinct, 1 <=
// replicas <= kMaxReplicas. Takes tens of milliseconds, seconds never.
std::vector<NodeIndex> plan(std::vector<Member> members, const Topology* previous, uint32_t replicas);

}  // namespace starling::cluster
