// Who WATCHes which key. The engine's observer calls touched() with a stripe held, on whichever thread
// changed the key; a client registers under the same stripe, so no change falls between its look at the key
// and its watch.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace starling::server {

// Shared by the client and the table: a change on another thread reaches it while the client may be going
// away.
struct WatchState {
  std::atomic<bool> dirty{false};
};

class WatchTable {
 public:
  // `existed`: whether the key had a live record when it was watched; a flush only dirties those that had.
  // The caller makes sure that one state watches a key once.
  void watch(int database, std::string_view key, bool existed, const std::shared_ptr<WatchState>& state);
  void unwatch(int database, std::string_view key, const WatchState* state);

  void touched(int database, std::string_view key) {
    if (watches_.load(std::memory_order_acquire) != 0) touch_watchers(database, key);
  }
  void flushed(int database);
  // The watched keys of a database.
  std::vector<std::string> keys_of(int database);

  size_t size() const { return watches_.load(std::memory_order_relaxed); }

 private:
  struct Watcher {
    std::shared_ptr<WatchState> state;
    bool existed;
  };
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::pair<int, std::string>, std::vector<Watcher>> watchers;
  };
  static constexpr size_t kShards = 64;

  Shard& shard_of(int database, std::string_view key);
  void touch_watchers(int database, std::string_view key);

  std::atomic<size_t> watches_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace starling::server
