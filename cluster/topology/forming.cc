#include "cluster/topology/forming.h"

#include <algorithm>
#include <utility>

#include "cluster/topology/planner.h"
#include "cluster/wire/short_id.h"

namespace starling::cluster {
namespace {

std::string name_of(const FormingNode& node) {
  return "node " + short_id(node.member.id) + ", bus " + node.member.host + ":" +
         std::to_string(node.member.bus_port);
}

bool same_address(const Member& a, const Member& b) {
  return a.host == b.host && a.bus_port == b.bus_port;
}

}  // namespace

Forming::Forming(const NodeId& self, bool formed, const FormingSettings& settings)
    : self_(self), settings_(settings), formed_(formed) {}

void Forming::observe(const std::vector<FormingNode>& nodes, int64_t now_us) {
  if (formed_) return;
  std::map<NodeId, FormingNode> met = met_;
  for (auto& [id, node] : met) node.answers = false;  // Unless it is seen below.
  for (const FormingNode& node : nodes) {
    if (node.cluster != 0) {
      // The same one as long as it answers, or what is waited for would change with every look.
      const bool keep =
          cluster_member_ && cluster_member_->answers && cluster_member_->member.id != node.member.id;
      if (!keep) cluster_member_ = node;
      met.erase(node.member.id);
    } else if (met.contains(node.member.id) || met.size() < kMaxMembers) {
      met[node.member.id] = node;
    }
  }
  for (const FormingNode& node : nodes) {
    if (!node.answers) continue;
    std::erase_if(met, [&](const auto& other) {
      return other.first != node.member.id && !other.second.answers &&
             same_address(other.second.member, node.member);
    });
  }
  if (met != met_) settled_since_us_ = now_us;
  met_ = std::move(met);
}

std::vector<NodeId> Forming::acquainted() const {
  std::vector<NodeId> ids;
  for (const auto& [id, node] : met_) ids.push_back(id);
  if (!met_.contains(self_)) ids.insert(std::lower_bound(ids.begin(), ids.end(), self_), self_);
  return ids;
}

std::optional<std::string> Forming::obstacle() const {
  if (cluster_member_.has_value())
    return "the topology of the cluster that " + name_of(*cluster_member_) +
           " is in; where that has formed without this node, 'cluster-join' with that address makes it a "
           "member";
  const auto self = met_.find(self_);
  if (self == met_.end()) return "gossip to start";
  for (const auto& [id, node] : met_) {
    if (node.replicas == self->second.replicas) continue;
    return "the same 'replicas' everywhere: " + std::to_string(self->second.replicas) + " here, " +
           std::to_string(node.replicas) + " on " + name_of(node);
  }
  if (const auto [first, second] = holders_of_different_orders(); first != nullptr) {
    return "an empty data directory on " + name_of(*first) + " or on " + name_of(*second) +
           ": both hold records, and in different orders";
  }
  for (const auto& [id, node] : met_) {
    if (!node.answers) return name_of(node) + ", which was met and is silent now";
  }
  const auto most = std::max_element(met_.begin(), met_.end(), [](const auto& a, const auto& b) {
    return a.second.min_nodes < b.second.min_nodes;
  });
  if (met_.size() < most->second.min_nodes) {
    return std::to_string(most->second.min_nodes - met_.size()) +
           " more nodes: " + std::to_string(met_.size()) + " have met, 'cluster-min-nodes' is " +
           std::to_string(most->second.min_nodes) +
           (most->first == self_ ? "" : " on " + name_of(most->second));
  }
  return std::nullopt;
}

std::pair<const FormingNode*, const FormingNode*> Forming::holders_of_different_orders() const {
  const FormingNode* holder = nullptr;
  for (const auto& [id, node] : met_) {
    if (!node.hash_seed.has_value()) continue;
    if (holder == nullptr) holder = &node;
    if (holder->hash_seed != node.hash_seed) return {holder, &node};
  }
  return {};
}

uint64_t Forming::hash_seed_of_founders(engine::Random* random) const {
  for (const auto& [id, node] : met_) {
    if (node.hash_seed.has_value()) return *node.hash_seed;
  }
  return random->next() | 1;
}

int64_t Forming::turn_starts_us() const {
  return settled_since_us_ + settings_.settle_us +
         settings_.turn_us * std::distance(met_.begin(), met_.find(self_));
}

std::optional<Topology> Forming::proposal(int64_t now_us, engine::Random* random) const {
  if (formed_ || obstacle().has_value() || now_us < turn_starts_us()) return std::nullopt;
  Topology topology;
  topology.epoch = 1;
  while (topology.cluster_id == 0) topology.cluster_id = random->next();
  topology.hash_seed = hash_seed_of_founders(random);
  topology.replicas = std::clamp(met_.at(self_).replicas, 1u, kMaxReplicas);
  for (const auto& [id, node] : met_) {
    Member member = node.member;
    member.weight = std::clamp(member.weight, 1u, kMaxWeight);
    member.state = MemberState::kActive;
    topology.members.push_back(std::move(member));
  }
  topology.owners = plan(topology.members, nullptr, topology.replicas);
  if (!check(topology).ok()) return std::nullopt;
  return topology;
}

std::string Forming::waiting_for(int64_t now_us) const {
  if (formed_) return "";
  if (std::optional<std::string> what = obstacle(); what.has_value()) return *what;
  const std::string founders = std::to_string(met_.size()) + " nodes";
  if (now_us < settled_since_us_ + settings_.settle_us) return "the " + founders + " that have met to settle";
  return "the agreement of " + founders + ", which " + short_id(met_.begin()->first) + " proposes first";
}

}  // namespace starling::cluster
