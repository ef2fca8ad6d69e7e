// Which keys have changes that a node did not get while it could not be reached. The node gets the records as
// they are when it is back, so a key is kept once, however often it changed.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "cluster/node_id.h"

namespace starling::server {

struct Hint {
  int database = 0;
  std::string key;

  bool operator==(const Hint&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Hint& hint) {
    return H::combine(std::move(h), hint.database, hint.key);
  }
};

struct HintReport {
  size_t waiting = 0;
  size_t bytes = 0;
  uint64_t kept = 0, delivered = 0;
  uint64_t dropped = 0;  // Over the bound: left to the comparison of replicas.
};

class HintKeeper {
 public:
  // Of names and bookkeeping, over all targets.
  explicit HintKeeper(size_t max_bytes = 64 << 20) : max_bytes_(max_bytes) {}

  // `keys` is a sequence of `key` (cluster/data_messages.h).
  void keep(const cluster::NodeId& target, std::string_view keys);
  // Takes out up to `count` hints of the target, the oldest first. Those that were not delivered come back by
  // restore().
  std::vector<Hint> take(const cluster::NodeId& target, size_t count);
  void restore(const cluster::NodeId& target, Hint hint);
  void delivered() { ++report_delivered_; }
  size_t waiting(const cluster::NodeId& target) const;
  HintReport report() const;

 private:
  struct Queue {
    absl::flat_hash_set<Hint> known;
    std::deque<Hint> order;
  };
  void add(Queue& queue, Hint hint, bool bounded);

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<cluster::NodeId, Queue> queues_;
  size_t bytes_ = 0;
  uint64_t kept_ = 0, dropped_ = 0;
  std::atomic<uint64_t> report_delivered_{0};
};

}  // namespace starling::server
