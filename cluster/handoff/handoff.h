// What this node has still to be brought before the ring may change (../topology/transition.h, kCopying).
//
// A replica of the next ring has to have, of each partition that moves, what each present replica has: then every
// write that was acknowledged by the present ones is at as many nodes of the next ring, wherever it was. It is
// brought by comparison (../repair/anti_entropy.h): what is the same is not moved, and what was interrupted goes on
// where it was. A comparison counts that began under the epoch of the change at both ends: what is written under an
// earlier one is refused from then on, what is written under this one goes to both rings.
//
// A present replica that is down is gone without where a majority of the present replicas has been heard: it has
// nothing alone that a quorum has acknowledged.
//
// Pure; one thread at a time.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "cluster/topology/partition_set.h"
#include "cluster/topology/placement.h"

namespace starling::cluster {

class Handoff {
 public:
  // Precondition: the phase is kCopying.
  explicit Handoff(const Placement& placement);

  // What is still to be compared with the node.
  const PartitionSet& left(NodeIndex peer) const { return left_[peer]; }
  // These are here as they were there.
  void brought(NodeIndex peer, const PartitionSet& compared);
  [[nodiscard]] bool complete(absl::FunctionRef<bool(NodeIndex)> is_down) const;

  // For reports: comparisons of a partition with a node.
  size_t total() const { return total_; }
  size_t remaining() const;

 private:
  bool heard_enough(uint16_t partition) const;

  std::vector<PartitionSet> left_;  // By node.
  std::vector<NodeIndex> sources_;  // Nodes of which anything was to be had.
  std::vector<uint8_t> heard_;      // By partition: present replicas whose records are here.
  std::vector<uint8_t> needed_;     // By partition: a majority of them.
  size_t total_ = 0;
};

}  // namespace starling::cluster
