// What each node should own and hold, by its weight. Integer arithmetic throughout: every node comes to the
// same numbers. Part of the planner.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/topology/spread.h"
#include "cluster/topology/topology.h"

namespace starling::cluster {

// Positions for each member to own, of a ring of so many, which are no fewer than the active members. An
// active member's share by weight is rounded down or up, and is 1 at least; others own none. Of the members
// that could be rounded up, those that `owned` more before come first: they need not move anything.
std::vector<uint32_t> position_quotas(const std::vector<Member>& members, std::span<const uint32_t> owned,
                                      size_t positions);

// Shares of preference lists are counted in these: 1 / kWholeList of a list.
inline constexpr int64_t kWholeList = 1 << 20;

// For each member the average part of one preference list that it should fill, in 1 / kWholeList: in
// proportion to its weight, as far as the rule of spread.h allows. No node is in a list twice; a data centre,
// and a rack within it, has at least and at most what the rule gives it.
std::vector<int64_t> replica_shares(const std::vector<Member>& members, const Places& places,
                                    uint32_t replicas);

// The most nodes of one rack, and of one data centre, that one list can hold under the rule.
struct MostInAList {
  std::vector<uint32_t> by_rack;
  std::vector<uint32_t> by_datacenter;
};
MostInAList most_in_a_list(const Places& places, uint32_t replicas);

}  // namespace starling::cluster
