// Who has read which key and is to be told when it changes. Any thread.
//
//   key    := its name; databases share it, as with Redis: a change in one tells those who read in another
//   entry  := its trackers, each once; it goes as a whole when the key is taken
//
// In shards by the key's hash, so that loops do not wait for each other. A key's entry is made by who reads it and
// taken by who changes it, both with the key's stripe held: no change falls between a read and its entry. `tell` is
// called without a lock of the table.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "server/tracking/tracker.h"

namespace starling::server {

class TrackingTable {
 public:
  using Tell = absl::FunctionRef<void(const Tracker& tracker, std::string_view key)>;

  // Of a key that very many track already those are told as if it had changed, and have to read it again.
  void add(std::string_view key, const Tracker& tracker, Tell tell);
  // The key has changed: it is tracked no more, and who tracked it is told.
  void take(std::string_view key, Tell tell);
  // The same of one that `random` draws, if there is one.
  void take_any(uint64_t random, Tell tell);
  // All keys go, and nobody is told.
  void clear();

  // Keys, and trackers of all keys.
  size_t keys() const { return keys_.load(std::memory_order_relaxed); }
  size_t items() const { return items_.load(std::memory_order_relaxed); }

 private:
  using Trackers = absl::InlinedVector<Tracker, 2>;
  struct Entry {
    Trackers trackers;
    size_t place = 0;  // In its shard's `order`.
  };
  using Map = absl::node_hash_map<std::string, Entry>;
  struct Shard {
    std::mutex mutex;
    Map entries;
    std::vector<Map::value_type*> order;  // All of them, in no order: to draw from.
  };
  static constexpr size_t kShards = 64;
  static constexpr size_t kMostTrackers = 1000;  // Of a key: so many are looked through as one more comes.

  void add(Shard& shard, std::string_view key, const Tracker& tracker, Trackers* out);
  Trackers remove(Shard& shard, Map::iterator entry);

  std::atomic<size_t> keys_{0}, items_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace starling::server
