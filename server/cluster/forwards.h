// Requests that were forwarded to other nodes and not answered yet. Plain bookkeeping of one loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/node_id.h"

namespace starling::server {

struct Forward {
  uint64_t client_id = 0;
  uint64_t held_id = 0;
  cluster::NodeId node;
  int64_t deadline_us = 0;
  bool writes = false;
  bool silent = false;  // CLIENT REPLY: its answer is not wanted.
  // Not 0: one of several nodes that run the same command; the answer only counts.
  uint64_t broadcast_token = 0;
};

class Forwards {
 public:
  // Returns the correlation of the frame to send.
  uint64_t add(Forward forward) {
    const uint64_t correlation = next_++;
    under_way_.emplace(correlation, std::move(forward));
    return correlation;
  }
  // Takes it out. False when it is not there (any more).
  bool take(uint64_t correlation, Forward* forward) {
    const auto found = under_way_.find(correlation);
    if (found == under_way_.end()) return false;
    *forward = std::move(found->second);
    under_way_.erase(found);
    return true;
  }
  // Those that went to the node; those whose time is up.
  std::vector<uint64_t> lost(const cluster::NodeId& node) const {
    std::vector<uint64_t> found;
    for (const auto& [correlation, forward] : under_way_) {
      if (forward.node == node) found.push_back(correlation);
    }
    return found;
  }
  std::vector<uint64_t> overdue(int64_t now_us) const {
    std::vector<uint64_t> found;
    for (const auto& [correlation, forward] : under_way_) {
      if (forward.deadline_us <= now_us) found.push_back(correlation);
    }
    return found;
  }
  size_t size() const { return under_way_.size(); }

 private:
  absl::flat_hash_map<uint64_t, Forward> under_way_;
  uint64_t next_ = 1;
};

}  // namespace starling::server
