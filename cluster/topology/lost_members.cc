#include "cluster/topology/lost_members.h"

#include <algorithm>

namespace starling::cluster {
namespace {

// Who has not looked for so long does not know what was in between.
constexpr int64_t kPauseUs = 3'000'000;
// Of so many accusers a node knows at most.
constexpr size_t kMostAccusers = 5;

}  // namespace

void LostMembers::observe(const Topology& present, std::span<const RingNode> nodes, size_t most_away,
                          int64_t now_us) {
  away_ = 0;
  for (const Member& member : present.members) {
    const RingNode* node = find_node(nodes, member.id);
    away_ += node == nullptr || !node->alive ? 1 : 0;
  }
  if (now_us - observed_us_ > kPauseUs || away_ > most_away) since_us_.clear();
  observed_us_ = now_us;
  if (away_ > most_away) return;
  const size_t accusers = std::min((present.members.size() - away_) / 2 + 1, kMostAccusers);
  const auto lost = [&](const NodeId& id) {
    const RingNode* node = present.index_of(id) == kNoNode ? nullptr : find_node(nodes, id);
    return node != nullptr && node->down && node->accusers >= accusers;
  };
  std::erase_if(since_us_, [&](const auto& known) { return !lost(known.first); });
  for (const Member& member : present.members) {
    const bool known = std::any_of(since_us_.begin(), since_us_.end(),
                                   [&](const auto& since) { return since.first == member.id; });
    if (!known && lost(member.id)) since_us_.emplace_back(member.id, now_us);
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
