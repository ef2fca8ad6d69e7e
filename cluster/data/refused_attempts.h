// Attempts of others that this node has refused (README.md, "Writes that depend on what they read"). An attempt
// that all replicas refused is nowhere, its client is told so, and a second copy of its message that comes late
// must not change that, though what stood against it may be over by then.
//
// Nor is an attempt agreed to that was made before one of this node whose outcome is not known: that one may be at
// another replica, and hides by its greater stamp what came before it. Its author, who learns this node's clock by
// reading anew, makes the next one above it.
//
// Any thread. The last 16384 are kept: a late copy comes after as many others only by a miracle.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "engine/base/dot.h"
#include "engine/replica/replication.h"

namespace starling::cluster {

class RefusedAttempts {
 public:
  // `after`: the version that the attempt would lead to, which no other attempt has. Whoever must not miss a note on
  // the same attempt holds its keys' stripe.
  bool contains(std::string_view after) const {
    const engine::Stamp up_to = up_to_.load(std::memory_order_acquire);
    if (up_to != 0 && engine::latest_stamp(after) <= up_to) return true;
    if (!any_.load(std::memory_order_acquire)) return false;
    const std::lock_guard guard(mutex_);
    return known_.contains(absl::HashOf(after));
  }
  void note(std::string_view after) {
    const std::lock_guard guard(mutex_);
    const size_t hash = absl::HashOf(after);
    if (!known_.insert(hash).second) return;
    order_.push_back(hash);
    if (order_.size() > kMost) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    any_.store(true, std::memory_order_release);
  }

  // Attempts with stamps up to that of one of this node that ended in doubt.
  void refuse_up_to(engine::Stamp stamp) {
    engine::Stamp known = up_to_.load(std::memory_order_relaxed);
    while (known < stamp && !up_to_.compare_exchange_weak(known, stamp, std::memory_order_acq_rel)) {
    }
  }

 private:
  static constexpr size_t kMost = 16384;

  mutable std::mutex mutex_;
  absl::flat_hash_set<size_t>
      known_;  // Hashes: of two attempts with the same one the second is refused, and runs again.
  std::deque<size_t> order_;
  std::atomic<bool> any_{false};
  std::atomic<engine::Stamp> up_to_{0};
};

}  // namespace starling::cluster
