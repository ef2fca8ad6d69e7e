// Who waits for which keys to change, and in which order.
//
// A client whose command finds nothing yet (BLPOP) joins with all its keys, and is woken when one of them changes: its
// command then runs again, and is served or rests. Of those that wait for the same type in a key only who waits longest
// is woken; when it leaves, or takes something, which changes the key, the next one is. So a change costs one turn,
// however many wait. Except those who wait for streams: what serves one serves others too, so a change wakes all.
//
//        join             a key changes, and nobody waits longer             leave
//   ───────────> resting ───────────────────────────────────────> woken ───────────> gone, and the next one is woken
//                   ^                    rest                        │
//                   └────────────────────────────────────────────────┘
//
// Changes are told with the key's stripe held; who joins or rests holds the stripes of all its keys. So none is missed
// between a look at the keys and the wait. Any thread. Holds as much as the clients' commands that wait.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "engine/base/types.h"

namespace starling::server {

// One client's wait.
struct Waiter {
  // Since when, by a clock that all of them share, and the client's number: the order in which they are served.
  int64_t since_us = 0;
  uint64_t client_id = 0;
  engine::Type type = engine::Type::kNone;        // What serves it. Of other types a key changes for nothing.
  std::vector<std::pair<int, std::string>> keys;  // No key twice.
  // Called with a stripe held, from any thread: it may only pass it on.
  std::function<void()> wake;

  std::pair<int64_t, uint64_t> order() const { return {since_us, client_id}; }
};

class WaitTable {
 public:
  void join(const std::shared_ptr<const Waiter>& waiter);
  // It was woken, and there is nothing for it. Precondition: it has joined.
  void rest(const Waiter& waiter) { settle(waiter, false); }
  // If it was woken for a key, the next one is.
  void leave(const Waiter& waiter) { settle(waiter, true); }

  void changed(int database, std::string_view key) {
    if (waits_.load(std::memory_order_acquire) != 0) wake_first(database, key);
  }
  // Any key of the database may have changed.
  void changed_all(int database);

  // Whether at least `count` others have been waiting for that type in that key for longer.
  bool has_ahead(int database, std::string_view key, engine::Type type, std::pair<int64_t, uint64_t> order,
                 uint64_t count) const;

  // In how many keys clients wait: one that waits for two keys counts twice.
  size_t size() const { return waits_.load(std::memory_order_relaxed); }

 private:
  struct Place {
    std::shared_ptr<const Waiter> waiter;
    bool woken = false;
  };
  struct Line {
    absl::btree_map<std::pair<int64_t, uint64_t>, Place> places;
    size_t resting = 0;  // Of those. A change of many elements looks at the places once.
  };
  // By type; most keys have one.
  using Lines = absl::InlinedVector<std::pair<engine::Type, Line>, 1>;
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::pair<int, std::string>, Lines> keys;
  };
  static constexpr size_t kShards = 64;

  Shard& shard_of(int database, std::string_view key) const;
  static void wake(engine::Type type, Line& line);
  void wake_first(int database, std::string_view key);
  void settle(const Waiter& waiter, bool leaves);

  std::atomic<size_t> waits_{0};
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace starling::server
