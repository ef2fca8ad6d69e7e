// Who is to be told of every change of keys with a prefix (CLIENT TRACKING ... BCAST). Any thread.
//
// A change looks for the prefixes of its key by their lengths, of which there are few, not by their number.
#pragma once

#include <atomic>
#include <cstddef>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "server/tracking/tracker.h"

namespace starling::server {

class PrefixTable {
 public:
  // Of one tracker each prefix once.
  void add(std::string_view prefix, const Tracker& tracker);
  void remove(std::string_view prefix, const Tracker& tracker);

  // Calls `tell` for each prefix of the key and each loop with a tracker of it. Under a lock of the table: be brief.
  void match(std::string_view key,
             absl::FunctionRef<void(std::string_view prefix, uint32_t loop)> tell) const;
  // Those of one loop.
  std::vector<Tracker> trackers(std::string_view prefix, uint32_t loop) const;

  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  std::atomic<size_t> size_{0};  // Prefixes.
  mutable std::shared_mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<Tracker>> trackers_;  // By loop, none empty.
  absl::btree_map<size_t, size_t> lengths_;                          // To the number of prefixes that long.
};

}  // namespace starling::server
