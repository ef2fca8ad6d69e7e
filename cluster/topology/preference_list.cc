#include "cluster/topology/preference_list.h"

#include <algorithm>
#include <utility>

namespace starling::cluster {
namespace {

// The distinct owners clockwise from a position, while that position moves anticlockwise around the ring:
// each step puts the owner that it meets in front. A list linked through the nodes, in which head and end are
// the same extra node.
class WalkOrder {
 public:
  explicit WalkOrder(size_t nodes) : next_(nodes + 1, kAbsent), previous_(nodes + 1, kAbsent), end_(nodes) {
    next_[end_] = previous_[end_] = end_;
  }

  void move_to_front(size_t node) {
    if (next_[node] != kAbsent) {
      next_[previous_[node]] = next_[node];
      previous_[next_[node]] = previous_[node];
    }
    next_[node] = next_[end_];
    previous_[node] = end_;
    previous_[next_[end_]] = node;
    next_[end_] = node;
  }
  size_t end() const { return end_; }
  size_t after(size_t node) const { return next_[node]; }

 private:
  static constexpr size_t kAbsent = ~size_t{0};

  std::vector<size_t> next_;
  std::vector<size_t> previous_;
  size_t end_;
};

}  // namespace

PreferenceTable::PreferenceTable(const Topology& topology)
    : PreferenceTable(topology.members, topology.owners, topology.replicas) {}

PreferenceTable::PreferenceTable(const std::vector<Member>& members, std::vector<NodeIndex> owners,
                                 uint32_t replicas)
    : owners_(std::move(owners)),
      members_(members.size()),
      places_(members, owners_),
      width_(std::min<size_t>(replicas, places_.nodes_on_ring())),
      lists_(owners_.size() * width_) {
  fill_lists();
}

void PreferenceTable::fill_lists() {
  WalkOrder order(members_);
  for (size_t i = owners_.size(); i-- > 0;) order.move_to_front(owners_[i]);
  Spread spread(places_);
  std::vector<NodeIndex> passed_by;
  for (size_t partition = owners_.size(); partition-- > 0;) {
    order.move_to_front(owners_[partition]);
    size_t at = order.end();
    size_t filled = 0;
    NodeIndex* list = lists_.data() + partition * width_;
    walk_spread(
        &spread, &passed_by,
        [&] {
          at = order.after(at);
          return at == order.end() ? kNoNode : static_cast<NodeIndex>(at);
        },
        [&](NodeIndex node) {
          list[filled++] = node;
          return filled < width_;
        });
    spread.clear();
  }
}

void PreferenceTable::walk(uint32_t partition, const std::function<bool(NodeIndex)>& visit) const {
  Spread spread(places_);
  std::vector<NodeIndex> passed_by;
  std::vector<bool> met(members_, false);
  size_t steps = 0;
  walk_spread(
      &spread, &passed_by,
      [&] {
        for (; steps < owners_.size(); ++steps) {
          const NodeIndex owner = owners_[(partition + steps) % owners_.size()];
          if (met[owner]) continue;
          met[owner] = true;
          return owner;
        }
        return kNoNode;
      },
      visit);
}

}  // namespace starling::cluster
