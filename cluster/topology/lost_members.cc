#include "cluster/topology/lost_members.h"

#include <algorithm>

namespace starling::cluster {

void LostMembers::observe(const Topology& present, std::span<const RingNode> nodes, int64_t now_us) {
  const auto down = [&](const NodeId& id) {
    return present.index_of(id) != kNoNode &&
           std::any_of(nodes.begin(), nodes.end(),
                       [&](const RingNode& node) { return node.id == id && node.down; });
  };
  std::erase_if(since_us_, [&](const auto& lost) { return !down(lost.first); });
  for (const RingNode& node : nodes) {
    const bool known = std::any_of(since_us_.begin(), since_us_.end(),
                                   [&](const auto& lost) { return lost.first == node.id; });
    if (!known && down(node.id)) since_us_.emplace_back(node.id, now_us);
  }
}

std::vector<NodeId> LostMembers::down_for(int64_t least_us, int64_t now_us) const {
  std::vector<NodeId> lost;
  if (least_us == 0) return lost;
  for (const auto& [id, since_us] : since_us_) {
    if (now_us - since_us >= least_us) lost.push_back(id);
  }
  return lost;
}

}  // namespace starling::cluster
