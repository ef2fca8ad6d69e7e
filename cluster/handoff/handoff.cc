#include "cluster/handoff/handoff.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::cluster {

Handoff::Handoff(const Placement& placement)
    : left_(placement.numbers_end()),
      heard_(placement.topology.partition_count, 0),
      needed_(placement.topology.partition_count, 0) {
  STARLING_ASSERT(placement.topology.transition.phase == TransitionPhase::kCopying);
  for (uint32_t i = 0; i < placement.topology.partition_count; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (!placement.moving(partition)) continue;
    const auto next = placement.other_replicas(partition);
    if (std::find(next.begin(), next.end(), placement.self) == next.end()) continue;
    const auto present = placement.replicas(partition);
    needed_[partition] = static_cast<uint8_t>(present.size() / 2 + 1);
    for (const NodeIndex node : present) {
      if (node == placement.self) {
        ++heard_[partition];
        continue;
      }
      if (left_[node].none()) sources_.push_back(node);
      left_[node].set(partition);
      ++total_;
    }
  }
}

void Handoff::brought(NodeIndex peer, const PartitionSet& compared) {
  if (peer >= left_.size()) return;
  for_each_partition(left_[peer] & compared, [this](uint16_t partition) { ++heard_[partition]; });
  left_[peer] &= ~compared;
}

bool Handoff::heard_enough(uint16_t partition) const {
  return heard_[partition] >= needed_[partition];
}

bool Handoff::complete(absl::FunctionRef<bool(NodeIndex)> is_down) const {
  for (const NodeIndex node : sources_) {
    if (left_[node].none()) continue;
    if (!is_down(node)) return false;
    bool enough = true;
    for_each_partition(left_[node], [&](uint16_t partition) { enough = enough && heard_enough(partition); });
    if (!enough) return false;
  }
  return true;
}

size_t Handoff::remaining() const {
  size_t count = 0;
  for (const NodeIndex node : sources_) count += left_[node].count();
  return count;
}

}  // namespace starling::cluster
