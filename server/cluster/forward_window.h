// How many requests this loop may have under way to each other node: as many as that one answers in a small part of
// the time that they have. A request's time runs from when it is sent, so what is more must wait here, before it:
// its client is slowed down, and not told that its request came too late.
//
// Additive increase, multiplicative decrease, as in TCP (RFC 5681): an answer that comes early makes room for one more,
// one that comes late, or none at all, halves it.
//
// Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/wire/node_id.h"

namespace starling::server {

class ForwardWindow {
 public:
  // Little at first: what a node can do is not known, and a fast one makes it a thousand within some round trips.
  static constexpr size_t kFirst = 16;
  static constexpr size_t kLeast = 8;
  static constexpr size_t kMost = 65536;

  bool full(const cluster::NodeId& node) const;
  // Until one of those under way to the node has ended. A client waits once, and may be gone when its turn comes.
  void wait(const cluster::NodeId& node, uint64_t client_id) { nodes_[node].waiting.push_back(client_id); }
  void sent(const cluster::NodeId& node) { ++nodes_[node].under_way; }
  // It is asked of another node, as the first is lost.
  void moved(const cluster::NodeId& from, const cluster::NodeId& to);
  // It was sent at `sent_us` and had `timeout_us`. Answered or not: then that counts as late. Returns whose turn it is.
  [[nodiscard]] std::vector<uint64_t> ended(const cluster::NodeId& node, int64_t sent_us, int64_t now_us,
                                            int64_t timeout_us, bool answered);

 private:
  struct Node {
    size_t under_way = 0;
    size_t size = kFirst;
    int64_t halved_us = 0;
    std::deque<uint64_t> waiting;
  };

  absl::flat_hash_map<cluster::NodeId, Node> nodes_;
};

}  // namespace starling::server
