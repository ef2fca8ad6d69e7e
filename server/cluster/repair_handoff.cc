// Repair's part in a change of the ring: this node is brought, by comparison with those who hold them now, the
// records that it will hold. See cluster/handoff/handoff.h.
#include "server/cluster/cluster_thread.h"
#include "server/cluster/repair.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Comparisons at once, and partitions of each: enough to wait for nothing but the disk threads.
constexpr size_t kMostStretches = 32;
constexpr size_t kStretch = 64;
// After a comparison that has not brought everything: the peer may have to learn of the change first.
constexpr int64_t kHandoffPauseUs = 100'000;

}  // namespace

using cluster::NodeId;
using cluster::NodeIndex;

void Repair::follow_ring() {
  const auto placement = hooks_.placement();
  if (placement == nullptr || placement == handed_by_) return;
  dropper_.follow(handed_by_.get(), *placement);
  handed_by_ = placement;
  handoff_.reset();
  received_ = 0;
  handoff_keys_ = 0;
  if (placement->topology.transition.phase == cluster::TransitionPhase::kCopying)
    handoff_.emplace(*placement);
}

bool Repair::is_down(NodeIndex node) const {
  return hooks_.down(handed_by_->id_of(node));
}

bool Repair::part_done() const {
  if (!handed_by_->topology.changing()) return false;
  const cluster::Member& own = handed_by_->member(handed_by_->self);
  if (own.state == cluster::MemberState::kLeaving && hooks_.keeps_hints()) return false;
  return !handoff_ || handoff_->complete([this](NodeIndex node) { return is_down(node); });
}

bool Repair::ask_for_handoff() {
  if (handed_by_ == nullptr || received_ != 0) return false;
  // A write of a loop that is behind may come under the epoch before.
  if (hooks_.served_epoch() < handed_by_->topology.epoch) return false;
  if (part_done()) {
    received_ = handed_by_->topology.epoch;
    if (handoff_ && handoff_->total() != 0) {
      log_text(LogLevel::kNotice, "This node has been brought what it will hold, the ring can change: " +
                                      std::to_string(handoff_keys_) + " keys differed");
    }
    return false;
  }
  if (!handoff_) return false;
  const auto pauses = [this] { return server_.clock().monotonic_us() < handoff_pause_until_us_; };
  while (!pauses() && stretches_ < kMostStretches && ask_for_stretch()) {
  }
  return stretches_ != 0;
}

// By turns, so that one that fails does not keep the others waiting.
bool Repair::ask_for_stretch() {
  const std::vector<NodeIndex>& nodes = handed_by_->nodes();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodeIndex node = nodes[++handoff_turn_ % nodes.size()];
    const NodeId& id = handed_by_->id_of(node);
    if (handoff_->left(node).none() || !hooks_.healthy(id) || !thread_.links().connected(id)) continue;
    cluster::PartitionSet left = handoff_->left(node);
    for (const auto& [number, asking] : asking_) {
      if (asking.peer == id) left &= ~asking.brings;
    }
    cluster::PartitionSet stretch;
    size_t count = 0;
    cluster::for_each_partition(left, [&](uint16_t partition) {
      if (count++ < kStretch) stretch.set(partition);
    });
    if (count == 0) continue;
    ++stretches_;
    ask(id, stretch, true, true);
    return true;
  }
  return false;
}

void Repair::note_brought(const Asking& asking) {
  handoff_keys_ += asking.exchange.figures().differences;
  // It may be of a step that is over.
  if (!handoff_ || asking.epoch != handed_by_->topology.epoch) return;
  const NodeIndex peer = handed_by_->number_of(asking.peer);
  if (peer == cluster::kNoNode) return;
  const cluster::PartitionSet brought = asking.exchange.equal() | asking.exchange.brought();
  handoff_->brought(peer, brought);
  if ((asking.brings & ~brought).any())
    handoff_pause_until_us_ = server_.clock().monotonic_us() + kHandoffPauseUs;
}

}  // namespace starling::server
