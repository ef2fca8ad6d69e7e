#include <algorithm>

#include "cluster/topology/ring_draft.h"
#include "engine/base/seeded_random.h"

namespace starling::cluster {
namespace {

// Ring positions that may be looked at before what is reached must do: a bound of time that is the same
// everywhere.
constexpr uint64_t kMaxSteps = 60'000'000;
// Swaps that are compared before the best one is made.
constexpr size_t kSwapsCompared = 16;
constexpr size_t kMaxFruitlessRounds = 400;
// Loads are counted in these parts of a list.
constexpr int64_t kListPart = 64;

class Balancer {
 public:
  Balancer(const PlanInput& input, std::vector<NodeIndex>* owners);

  void run(size_t max_changed);

 private:
  struct Node {
    int64_t load = 0;    // Preference lists it is in, in 1 / kListPart.
    int64_t target = 0;  // Those it should be in.
    int64_t slack = 0;   // How far from the target is near enough.
    std::vector<uint16_t> positions;
  };

  // How far from balance a node is: the square of what is beyond the slack, in proportion to its target.
  static int64_t cost_of(const Node& node) {
    const int64_t beyond = std::abs(node.load - node.target) - node.slack;
    return beyond <= 0 ? 0 : beyond * beyond / node.target + 1;
  }
  void recompute_list(size_t position);
  // Recomputes every list that may look at this position.
  void recompute_around(size_t position);
  void add_load(NodeIndex node, int64_t lists);
  void swap(size_t a, size_t b);
  NodeIndex farthest_off() const;
  size_t partner_for(NodeIndex node);
  bool improve(NodeIndex node);

  const PlanInput& input_;
  std::vector<NodeIndex>& owners_;
  std::vector<Node> nodes_;
  std::vector<NodeIndex> members_on_ring_;
  std::vector<NodeIndex> lists_;
  std::vector<uint16_t> reach_;  // Positions that each list's walk looked at.
  size_t longest_reach_ = 0;
  int64_t cost_ = 0;  // Sum over the nodes.
  uint64_t steps_ = 0;
  Spread spread_;
  std::vector<NodeIndex> passed_by_;
  std::vector<uint64_t> met_;  // By node: the walk in which it was met last.
  uint64_t walk_ = 0;
  engine::SeededRandom random_{0};
};

Balancer::Balancer(const PlanInput& input, std::vector<NodeIndex>* owners)
    : input_(input),
      owners_(*owners),
      nodes_(input.members.size()),
      lists_(input.positions * input.width, kNoNode),
      reach_(input.positions),
      spread_(input.places),
      met_(input.members.size(), 0) {
  const std::vector<int64_t> shares = replica_shares(input.members, input.places, input.width);
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (input.quotas[node] == 0) continue;
    members_on_ring_.push_back(static_cast<NodeIndex>(node));
    nodes_[node].target =
        std::max<int64_t>(shares[node] * static_cast<int64_t>(input.positions) * kListPart / kWholeList, 1);
    // Stricter than what is promised, which is 1 % or the lists of one position.
    nodes_[node].slack = std::max(nodes_[node].target / 150, input.width * kListPart);
    cost_ += cost_of(nodes_[node]);
  }
  for (size_t position = 0; position < input.positions; ++position) {
    nodes_[owners_[position]].positions.push_back(static_cast<uint16_t>(position));
    recompute_list(position);
  }
}

void Balancer::add_load(NodeIndex node, int64_t lists) {
  cost_ -= cost_of(nodes_[node]);
  nodes_[node].load += lists * kListPart;
  cost_ += cost_of(nodes_[node]);
}

void Balancer::recompute_list(size_t position) {
  NodeIndex* list = lists_.data() + position * input_.width;
  for (size_t i = 0; i < input_.width; ++i) {
    if (list[i] != kNoNode) add_load(list[i], -1);
  }
  ++walk_;
  size_t filled = 0;
  size_t looked_at = 0;
  walk_spread(
      &spread_, &passed_by_,
      [&] {
        while (looked_at < input_.positions) {
          const NodeIndex owner = owners_[(position + looked_at++) % input_.positions];
          if (met_[owner] == walk_) continue;
          met_[owner] = walk_;
          return owner;
        }
        return kNoNode;
      },
      [&](NodeIndex node) {
        list[filled++] = node;
        add_load(node, 1);
        return filled < input_.width;
      });
  spread_.clear();
  steps_ += looked_at;
  reach_[position] = static_cast<uint16_t>(looked_at);
  longest_reach_ = std::max(longest_reach_, looked_at);
}

void Balancer::recompute_around(size_t position) {
  const size_t longest = longest_reach_;
  for (size_t back = 0; back < longest; ++back) {
    const size_t at = (position + input_.positions - back) % input_.positions;
    if (reach_[at] > back) recompute_list(at);
  }
  steps_ += longest;
}

void Balancer::swap(size_t a, size_t b) {
  std::swap(owners_[a], owners_[b]);
  recompute_around(a);
  recompute_around(b);
}

NodeIndex Balancer::farthest_off() const {
  NodeIndex worst = kNoNode;
  int64_t most = 0;
  for (const NodeIndex node : members_on_ring_) {
    const int64_t cost = cost_of(nodes_[node]);
    if (cost <= most) continue;
    most = cost;
    worst = node;
  }
  return worst;
}

// A position to swap with: half the time one of a node that errs to the other side.
size_t Balancer::partner_for(NodeIndex node) {
  const bool over = nodes_[node].load > nodes_[node].target;
  if (random_.below(2) == 0) {
    for (int attempt = 0; attempt < 16; ++attempt) {
      const NodeIndex other = members_on_ring_[random_.below(members_on_ring_.size())];
      const Node& candidate = nodes_[other];
      if (other != node && over == (candidate.load < candidate.target))
        return candidate.positions[random_.below(candidate.positions.size())];
    }
  }
  return random_.below(input_.positions);
}

bool Balancer::improve(NodeIndex node) {
  const int64_t before = cost_;
  int64_t best = before;
  size_t best_a = 0;
  size_t best_b = 0;
  for (size_t i = 0; i < kSwapsCompared; ++i) {
    const size_t a = nodes_[node].positions[random_.below(nodes_[node].positions.size())];
    const size_t b = partner_for(node);
    if (owners_[b] == node) continue;
    swap(a, b);
    if (cost_ < best) {
      best = cost_;
      best_a = a;
      best_b = b;
    }
    swap(a, b);
  }
  if (best == before) return false;
  const NodeIndex other = owners_[best_b];
  std::replace(nodes_[node].positions.begin(), nodes_[node].positions.end(), static_cast<uint16_t>(best_a),
               static_cast<uint16_t>(best_b));
  std::replace(nodes_[other].positions.begin(), nodes_[other].positions.end(), static_cast<uint16_t>(best_b),
               static_cast<uint16_t>(best_a));
  swap(best_a, best_b);
  return true;
}

void Balancer::run(size_t max_changed) {
  size_t fruitless = 0;
  for (size_t changed = 0;
       changed + 2 <= max_changed && steps_ < kMaxSteps && fruitless < kMaxFruitlessRounds;) {
    NodeIndex node = farthest_off();
    if (node == kNoNode) return;
    // The worst one may be stuck where racks allow no better.
    if (fruitless > 0) {
      for (int attempt = 0; attempt < 8; ++attempt) {
        const NodeIndex other = members_on_ring_[random_.below(members_on_ring_.size())];
        if (cost_of(nodes_[other]) > 0) node = other;
      }
    }
    if (improve(node)) {
      changed += 2;
      fruitless = 0;
    } else {
      ++fruitless;
    }
  }
}

}  // namespace

void balance_ring(const PlanInput& input, size_t max_changed, std::vector<NodeIndex>* owners) {
  // With one list for all there is nothing to balance.
  if (input.width == input.places.nodes_on_ring()) return;
  Balancer(input, owners).run(max_changed);
}

}  // namespace starling::cluster
