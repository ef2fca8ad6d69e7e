#include "cluster/handoff/receiving.h"

#include <algorithm>
#include <utility>

namespace starling::cluster {

void Receiving::follow(std::shared_ptr<const Placement> placement) {
  placement_ = std::move(placement);
  handoff_.reset();
  received_ = 0;
  if (placement_->topology.transition.phase == TransitionPhase::kCopying) handoff_.emplace(*placement_);
}

bool Receiving::part_done() const {
  if (!placement_->topology.changing()) return false;
  const Member& own = placement_->member(placement_->self);
  if (own.state == MemberState::kLeaving && host_.keeps_hints()) return false;
  return !handoff_ || handoff_->complete([this](NodeIndex node) { return host_.down(node); });
}

bool Receiving::finish() {
  if (placement_ == nullptr || received_ != 0 || host_.served_epoch() < placement_->topology.epoch)
    return false;
  if (!part_done()) return false;
  received_ = placement_->topology.epoch;
  return true;
}

std::optional<Receiving::Stretch> Receiving::next(int64_t now_us) {
  if (!handoff_ || received_ != 0 || host_.served_epoch() < placement_->topology.epoch) return std::nullopt;
  if (now_us < pause_until_us_ || stretches_.size() >= settings_.most_stretches) return std::nullopt;
  const std::vector<NodeIndex>& nodes = placement_->nodes();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodeIndex node = nodes[++turn_ % nodes.size()];
    if (handoff_->left(node).none() || !host_.reachable(node)) continue;
    PartitionSet left = handoff_->left(node);
    for (const Stretch& stretch : stretches_) {
      if (stretch.peer == node) left &= ~stretch.partitions;
    }
    Stretch stretch{next_number_, placement_->topology.epoch, node, {}};
    size_t count = 0;
    for_each_partition(left, [&](uint16_t partition) {
      if (count++ < settings_.stretch) stretch.partitions.set(partition);
    });
    if (count == 0) continue;
    ++next_number_;
    stretches_.push_back(stretch);
    return stretch;
  }
  return std::nullopt;
}

void Receiving::ended(uint64_t number, const PartitionSet& here, int64_t now_us) {
  const auto found = std::find_if(stretches_.begin(), stretches_.end(),
                                  [number](const Stretch& stretch) { return stretch.number == number; });
  if (found == stretches_.end()) return;
  const Stretch stretch = std::move(*found);
  stretches_.erase(found);
  // It may be of a step that is over.
  if (!handoff_ || stretch.epoch != placement_->topology.epoch) return;
  handoff_->brought(stretch.peer, here);
  if ((stretch.partitions & ~here).any()) pause_until_us_ = now_us + settings_.pause_us;
}

}  // namespace starling::cluster
