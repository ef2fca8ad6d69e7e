#include "server/cluster/forward_window.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::server {
namespace {

// Of the time that a request has: what is answered in less came early, in more late.
constexpr int64_t kEarlyPart = 8;
constexpr int64_t kLatePart = 4;
// Of those that wait, for each that has ended: one takes its place, and another one the room that was made.
constexpr size_t kTurns = 2;

}  // namespace

bool ForwardWindow::full(const cluster::NodeId& node) const {
  const auto found = nodes_.find(node);
  return found != nodes_.end() && found->second.under_way >= found->second.size;
}

void ForwardWindow::moved(const cluster::NodeId& from, const cluster::NodeId& to) {
  Node& before = nodes_[from];
  STARLING_ASSERT(before.under_way > 0);
  --before.under_way;
  ++nodes_[to].under_way;
}

std::vector<uint64_t> ForwardWindow::ended(const cluster::NodeId& id, int64_t sent_us, int64_t now_us,
                                           int64_t timeout_us, bool answered) {
  Node& node = nodes_[id];
  STARLING_ASSERT(node.under_way > 0);
  const int64_t took_us = now_us - sent_us;
  if (!answered || took_us > timeout_us / kLatePart) {
    // Once for all that were under way together.
    if (sent_us >= node.halved_us) {
      node.size = std::max(kLeast, node.size / 2);
      node.halved_us = now_us;
    }
  } else if (took_us < timeout_us / kEarlyPart && node.under_way >= node.size / 2) {
    node.size = std::min(kMost, node.size + 1);
  }
  --node.under_way;
  std::vector<uint64_t> turns;
  while (!node.waiting.empty() && turns.size() < kTurns && node.under_way + turns.size() < node.size) {
    turns.push_back(node.waiting.front());
    node.waiting.pop_front();
  }
  return turns;
}

}  // namespace starling::server
