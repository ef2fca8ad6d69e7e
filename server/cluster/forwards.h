// Requests that were forwarded to other nodes and not answered yet. Plain bookkeeping of one loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "cluster/data/patience.h"
#include "cluster/wire/node_id.h"
#include "cluster/wire/piece.h"

namespace starling::server {

// What may be done when the link breaks and nobody knows whether the request arrived.
enum class Retry : uint8_t {
  kNever,
  kSameNode,  // It changes something: only the node that may have begun it knows whether it did.
  kAnywhere,  // It only reads: any replica can answer.
};

// What an answer is given to come back, and what clocks may part by meanwhile.
inline constexpr int64_t kForwardSlackUs = 200'000;

struct Forward {
  uint64_t client_id = 0;
  uint64_t held_id = 0;
  cluster::NodeId node;
  // From when on its client is told that it failed. Where it runs it has not begun later than some moment before that:
  // see run_before_us().
  int64_t deadline_us = 0;
  // On which link it was sent last, and where it ends there (BusLinks::Sent); 0: on none.
  uint64_t sent_link = 0, sent_until = 0;
  // It may take longer than its deadline says: what is large is on its way, or worked on.
  cluster::Patience patience;
  int64_t stood_still_us = 0;  // What its loop had stood still for in all when it was sent.
  bool counted = false;        // In the window of its node.
  bool writes = false;
  // It may wait there for its keys to change, as its client does here (BlockedCommand::forward).
  bool waits = false;
  bool silent = false;  // CLIENT REPLY: its answer is not wanted.
  // Not 0: one of several nodes that run the same command; the answer only counts.
  uint64_t broadcast_token = 0;
  // Not 0: a part of a command that runs on several nodes.
  uint64_t gather_token = 0;
  size_t part = 0;
  // WATCH: if it fails, the transaction that counts on it must, too.
  bool watch = false;
  // Of a transaction that selects: the client's database if it runs.
  std::optional<int> database_after;
  // For asking again.
  Retry retry = Retry::kNever;
  bool parked = false;  // Its link broke; it waits for its turn to be asked again, or for the answer to that.
  int64_t first_sent_us = 0;
  // Of the process that it was sent to first: another one at the same node knows nothing of it.
  uint64_t node_life = 0;
  int replies = 1;
  std::string requests;
  // Instead of these, once they were sent: the payload that holds them, which the link may send still.
  cluster::SharedBytes large;
  absl::InlinedVector<uint16_t, 2> partitions;

  // From when on it is not waited for. `stood_still_now_us`: as above, now.
  int64_t given_up_us(int64_t stood_still_now_us) const {
    const int64_t timeout_us = deadline_us - first_sent_us;
    return patience.until_us(first_sent_us, timeout_us) + stood_still_now_us - stood_still_us;
  }
  // From when on it must not begin any more where it runs. What only reads may, as long as somebody waits for it.
  int64_t run_before_us() const { return writes ? deadline_us - kForwardSlackUs : deadline_us; }
};

class Forwards {
 public:
  // Returns the correlation of the frame to send.
  uint64_t add(Forward forward) {
    const uint64_t correlation = next_++;
    (forward.waits ? waiting_ : under_way_).emplace(correlation, std::move(forward));
    return correlation;
  }
  Forward* find(uint64_t correlation) {
    for (auto* forwards : {&under_way_, &waiting_}) {
      const auto found = forwards->find(correlation);
      if (found != forwards->end()) return &found->second;
    }
    return nullptr;
  }
  // Lower numbers than this have their answers: of those that may wait, or of the others.
  uint64_t settled(bool waits) const {
    const auto& forwards = waits ? waiting_ : under_way_;
    return forwards.empty() ? next_ : forwards.begin()->first;
  }
  // Takes it out. False when it is not there (any more).
  bool take(uint64_t correlation, Forward* forward) {
    for (auto* forwards : {&under_way_, &waiting_}) {
      const auto found = forwards->find(correlation);
      if (found == forwards->end()) continue;
      *forward = std::move(found->second);
      forwards->erase(found);
      return true;
    }
    return false;
  }
  // Those that went to the node; those whose time is up. In the order in which they were sent.
  std::vector<uint64_t> lost(const cluster::NodeId& node) const {
    return those([&](const Forward& forward) { return forward.node == node; });
  }
  // Of commands over all keys, by the test on their nodes.
  std::vector<uint64_t> gathered_at(const std::function<bool(const cluster::NodeId&)>& node_is) const {
    std::vector<uint64_t> found;
    for (const auto& [correlation, forward] : under_way_) {
      if (forward.gather_token != 0 && forward.partitions.empty() && node_is(forward.node))
        found.push_back(correlation);
    }
    return found;
  }
  std::vector<uint64_t> overdue(int64_t now_us, int64_t stood_still_us) const {
    return those([&](const Forward& forward) { return forward.given_up_us(stood_still_us) <= now_us; });
  }
  size_t size() const { return under_way_.size() + waiting_.size(); }
  // Without those that may wait for long.
  size_t short_ones() const { return under_way_.size(); }

 private:
  template <typename Test>
  std::vector<uint64_t> those(const Test& test) const {
    std::vector<uint64_t> found;
    for (const auto* forwards : {&under_way_, &waiting_}) {
      for (const auto& [correlation, forward] : *forwards) {
        if (test(forward)) found.push_back(correlation);
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  absl::btree_map<uint64_t, Forward> under_way_;
  // Apart, because they last: what is asked for after them is not to be remembered for as long.
  absl::btree_map<uint64_t, Forward> waiting_;
  uint64_t next_ = 1;
};

}  // namespace starling::server
