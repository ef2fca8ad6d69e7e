// A node's part in a change of the ring while that copies (../topology/transition.h): what it compares with whom, a
// few stretches of partitions at once, until it has been brought everything (handoff.h) and nobody depends on what it
// keeps. Then the change can go on: received() is what it tells the others.
//
//   follow() ──> next() ── the owner compares ──> ended() ─┐
//                  ^                                       │
//                  └───────────── until it says nothing <──┘      finish(), now and then ──> received()
//
// Pure; one thread at a time. Time is monotonic, in microseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cluster/handoff/handoff.h"

namespace starling::cluster {

class ReceivingHost {
 public:
  virtual ~ReceivingHost() = default;
  virtual bool down(NodeIndex node) const = 0;
  virtual bool reachable(NodeIndex node) const = 0;
  // Changes for others that nobody else may have.
  virtual bool keeps_hints() const = 0;
  // That all loops of this node serve by: a write of a loop that is behind may come under the epoch before.
  virtual Epoch served_epoch() const = 0;
};

struct ReceivingSettings {
  size_t most_stretches = 32;
  size_t stretch = 64;  // Partitions.
  int64_t pause_us =
      100'000;  // After one that has not brought everything: the peer may have to learn of the change.
};

class Receiving {
 public:
  // To be compared with the peer.
  struct Stretch {
    uint64_t number = 0;
    Epoch epoch = 0;
    NodeIndex peer = kNoNode;
    PartitionSet partitions;
  };

  Receiving(const ReceivingHost& host, const ReceivingSettings& settings)
      : host_(host), settings_(settings) {}

  void follow(std::shared_ptr<const Placement> placement);
  // As followed last; null: none.
  const std::shared_ptr<const Placement>& placement() const { return placement_; }

  // True once for each change: this node has done its part now.
  [[nodiscard]] bool finish();
  // The epoch of the change in which it has; 0: it has not, or there is none.
  Epoch received() const { return received_; }
  // Nothing: enough is under way, or nothing can be asked for now.
  std::optional<Stretch> next(int64_t now_us);
  // `here`: what was found to be here as it is there, or has been brought.
  void ended(uint64_t number, const PartitionSet& here, int64_t now_us);

  bool under_way() const { return !stretches_.empty(); }
  // For reports: comparisons of a partition with a node.
  size_t total() const { return handoff_ ? handoff_->total() : 0; }
  size_t remaining() const { return handoff_ ? handoff_->remaining() : 0; }

 private:
  bool part_done() const;

  const ReceivingHost& host_;
  const ReceivingSettings settings_;
  std::shared_ptr<const Placement> placement_;
  std::optional<Handoff> handoff_;
  std::vector<Stretch> stretches_;  // Under way, of an earlier step perhaps.
  Epoch received_ = 0;
  uint64_t next_number_ = 1;
  size_t turn_ = 0;  // Whom it asks next, so that one that fails does not keep the others waiting.
  int64_t pause_until_us_ = 0;
};

}  // namespace starling::cluster
