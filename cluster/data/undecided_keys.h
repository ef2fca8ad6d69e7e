// Keys of which this node has an attempt under way: others are asked to agree to it, and until they have it must
// not be overtaken here. See README.md, "Writes that depend on what they read".
//
// Any thread. Whoever begins, ends or must not miss either holds the keys' stripes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace starling::cluster {

class UndecidedKeys {
 public:
  // Cheap: almost always there are none.
  bool any() const { return count_.load(std::memory_order_acquire) != 0; }
  bool contains(int database, std::string_view key) const {
    if (!any()) return false;
    const std::lock_guard guard(mutex_);
    return keys_.contains(std::pair(database, std::string(key)));
  }
  // Precondition: it is not there.
  void begin(int database, std::string_view key) {
    const std::lock_guard guard(mutex_);
    keys_.emplace(database, std::string(key));
    count_.store(keys_.size(), std::memory_order_release);
  }
  void end(int database, std::string_view key) {
    const std::lock_guard guard(mutex_);
    keys_.erase(std::pair(database, std::string(key)));
    count_.store(keys_.size(), std::memory_order_release);
  }

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_set<std::pair<int, std::string>> keys_;
  std::atomic<size_t> count_{0};
};

}  // namespace starling::cluster
