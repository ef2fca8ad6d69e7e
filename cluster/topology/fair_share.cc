#include "cluster/topology/fair_share.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace starling::cluster {
namespace {

using Wide = unsigned __int128;

// One of several groups among which a list's places are shared: its weight, and the least and most it can
// have.
struct Claim {
  uint64_t weight = 0;
  int64_t least = 0;
  int64_t most = 0;
};

int64_t clamped_share(const Claim& claim, uint64_t factor) {
  const Wide share = Wide{factor} * claim.weight >> 20;
  if (share >= static_cast<Wide>(claim.most)) return claim.most;
  return std::max(static_cast<int64_t>(share), claim.least);
}

// Shares `total` in proportion to the weights within the bounds of the claims (as far as those allow).
std::vector<int64_t> share_out(const std::vector<Claim>& claims, int64_t total) {
  uint64_t low = 0;
  uint64_t high = uint64_t{1} << 48;  // A whole list for each unit of weight, many times over.
  const auto sum_at = [&](uint64_t factor) {
    int64_t sum = 0;
    for (const Claim& claim : claims) sum += clamped_share(claim, factor);
    return sum;
  };
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (sum_at(middle) < total) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  std::vector<int64_t> shares;
  shares.reserve(claims.size());
  for (const Claim& claim : claims) shares.push_back(clamped_share(claim, low));
  return shares;
}

struct Bounds {
  uint32_t least = 0;
  uint32_t most = 0;
};

// What groups of these sizes get when `count` nodes are taken, always from a group with the fewest taken.
std::vector<Bounds> level_bounds(const std::vector<uint32_t>& sizes, uint32_t count) {
  uint32_t level = 0;
  uint32_t taken = 0;
  while (true) {
    uint32_t at_next = 0;
    for (const uint32_t size : sizes) at_next += std::min(size, level + 1);
    if (at_next > count || at_next == taken) break;
    taken = at_next;
    ++level;
  }
  std::vector<Bounds> bounds;
  bounds.reserve(sizes.size());
  for (const uint32_t size : sizes) {
    const uint32_t most = taken < count ? level + 1 : level;
    bounds.push_back({std::min(size, level), std::min(size, most)});
  }
  return bounds;
}

// Shares out `total`, a number of nodes that is whole in each list but not on average: some lists have the
// whole number below, the others the one above.
std::vector<int64_t> share_by_levels(const std::vector<uint32_t>& sizes, const std::vector<uint64_t>& weights,
                                     int64_t total) {
  const auto below = static_cast<uint32_t>(total / kWholeList);
  const int64_t part_above = total % kWholeList;
  const std::vector<Bounds> low = level_bounds(sizes, below);
  const std::vector<Bounds> high = part_above == 0 ? low : level_bounds(sizes, below + 1);
  std::vector<Claim> claims;
  claims.reserve(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    claims.push_back({weights[i], low[i].least * (kWholeList - part_above) + high[i].least * part_above,
                      low[i].most * (kWholeList - part_above) + high[i].most * part_above});
  }
  return share_out(claims, total);
}

struct Tree {
  std::vector<std::vector<NodeIndex>> nodes_of_rack;
  std::vector<uint64_t> rack_weight;
  std::vector<uint64_t> datacenter_weight;
  std::vector<uint32_t> datacenter_nodes;
};

Tree make_tree(const std::vector<Member>& members, const Places& places) {
  Tree tree{std::vector<std::vector<NodeIndex>>(places.racks()), std::vector<uint64_t>(places.racks()),
            std::vector<uint64_t>(places.datacenters()), std::vector<uint32_t>(places.datacenters())};
  for (size_t node = 0; node < members.size(); ++node) {
    if (members[node].state != MemberState::kActive) continue;
    const uint32_t rack = places.rack_of(static_cast<NodeIndex>(node));
    const uint32_t datacenter = places.datacenter_of_rack(rack);
    tree.nodes_of_rack[rack].push_back(static_cast<NodeIndex>(node));
    tree.rack_weight[rack] += members[node].weight;
    tree.datacenter_weight[datacenter] += members[node].weight;
    ++tree.datacenter_nodes[datacenter];
  }
  return tree;
}

}  // namespace

std::vector<uint32_t> position_quotas(const std::vector<Member>& members, std::span<const uint32_t> owned,
                                      size_t positions) {
  std::vector<uint32_t> quotas(members.size(), 0);
  std::vector<size_t> sharing;
  uint64_t weight = 0;
  uint64_t left = positions;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].state != MemberState::kActive) continue;
    sharing.push_back(i);
    weight += members[i].weight;
  }
  // Who would get less than one position gets one; what is left is shared among the others.
  for (bool again = true; again;) {
    again = false;
    for (size_t& i : sharing) {
      if (i == members.size() || left * members[i].weight >= weight) continue;
      quotas[i] = 1;
      left -= 1;
      weight -= members[i].weight;
      i = members.size();
      again = true;
    }
    std::erase(sharing, members.size());
  }
  std::vector<std::tuple<bool, uint64_t, size_t>>
      rounding;  // Least first: has more already, remainder, index.
  uint64_t given = 0;
  for (const size_t i : sharing) {
    const uint64_t product = left * members[i].weight;
    quotas[i] = static_cast<uint32_t>(product / weight);
    given += quotas[i];
    if (product % weight != 0) rounding.emplace_back(owned[i] <= quotas[i], weight - product % weight, i);
  }
  std::sort(rounding.begin(), rounding.end());
  for (size_t i = 0; i < left - given; ++i) ++quotas[std::get<2>(rounding[i])];
  return quotas;
}

std::vector<int64_t> replica_shares(const std::vector<Member>& members, const Places& places,
                                    uint32_t replicas) {
  const Tree tree = make_tree(members, places);
  const auto width = static_cast<int64_t>(std::min<size_t>(replicas, places.nodes_on_ring()));
  std::vector<int64_t> shares(members.size(), 0);
  const std::vector<int64_t> of_datacenter =
      share_by_levels(tree.datacenter_nodes, tree.datacenter_weight, width * kWholeList);
  for (uint32_t datacenter = 0; datacenter < places.datacenters(); ++datacenter) {
    const std::vector<uint32_t>& racks = places.racks_in(datacenter);
    std::vector<uint32_t> sizes;
    std::vector<uint64_t> weights;
    for (const uint32_t rack : racks) {
      sizes.push_back(places.nodes_in_rack(rack));
      weights.push_back(tree.rack_weight[rack]);
    }
    const std::vector<int64_t> of_rack = share_by_levels(sizes, weights, of_datacenter[datacenter]);
    for (size_t i = 0; i < racks.size(); ++i) {
      const std::vector<NodeIndex>& nodes = tree.nodes_of_rack[racks[i]];
      weights.clear();
      for (const NodeIndex node : nodes) weights.push_back(members[node].weight);
      const std::vector<int64_t> of_node =
          share_by_levels(std::vector<uint32_t>(nodes.size(), 1), weights, of_rack[i]);
      for (size_t j = 0; j < nodes.size(); ++j) shares[nodes[j]] = of_node[j];
    }
  }
  return shares;
}

MostInAList most_in_a_list(const Places& places, uint32_t replicas) {
  const auto width = static_cast<uint32_t>(std::min<size_t>(replicas, places.nodes_on_ring()));
  std::vector<uint32_t> datacenter_nodes(places.datacenters());
  for (uint32_t rack = 0; rack < places.racks(); ++rack)
    datacenter_nodes[places.datacenter_of_rack(rack)] += places.nodes_in_rack(rack);
  MostInAList most{std::vector<uint32_t>(places.racks()), {}};
  for (const Bounds& bounds : level_bounds(datacenter_nodes, width))
    most.by_datacenter.push_back(bounds.most);
  for (uint32_t datacenter = 0; datacenter < places.datacenters(); ++datacenter) {
    const std::vector<uint32_t>& racks = places.racks_in(datacenter);
    std::vector<uint32_t> sizes;
    sizes.reserve(racks.size());
    for (const uint32_t rack : racks) sizes.push_back(places.nodes_in_rack(rack));
    const std::vector<Bounds> bounds = level_bounds(sizes, most.by_datacenter[datacenter]);
    for (size_t i = 0; i < racks.size(); ++i) most.by_rack[racks[i]] = bounds[i].most;
  }
  return most;
}

}  // namespace starling::cluster
