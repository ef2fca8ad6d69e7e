// Actors by a two-byte index, which records in memory hold in place of the id.
//
// An index belongs to one id for as long as a record in memory may hold it. When most are taken, an ActorSweep
// (actor_sweep.h) finds those that no record holds any more, and they are given to other ids.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/dot.h"
#include "engine/memory/entry.h"

namespace starling::engine {

// Any thread. Who asks for an index holds a stripe until the index is in a record of that stripe, or forgotten;
// else indexes may have been given to others meanwhile, which era() tells.
class ActorTable {
 public:
  static constexpr uint32_t kCapacity = 65536;
  // For what cannot be refused: what this node's own changes bring to light in records that it has.
  static constexpr uint32_t kReserved = 1024;
  // From here on it is worth looking for indexes that nothing holds.
  static constexpr uint32_t kCrowded = kCapacity / 4 * 3;

  // Takes a lock unless it was asked for the same one last: the changes of a message are nearly always one
  // actor's. Ends the process when all indexes are in use: what others send is asked for by take() first.
  ActorIndex index_of(ActorId id) {
    const uint32_t last = last_.load(std::memory_order_acquire);
    if (last == kNone || id_of(static_cast<ActorIndex>(last)) != id) return find_or_add(id);
    keep(static_cast<ActorIndex>(last));
    return static_cast<ActorIndex>(last);
  }
  // True: index_of() has one for it, for as long as the caller's stripe is held. False: no index is left but
  // the reserved ones.
  [[nodiscard]] bool take(ActorId id);
  // Whether take() would be true for an id that is new.
  bool has_room() const { return size() < kCapacity - kReserved; }
  // Takes no lock: who has an index has it, by whatever way, from who put the id in its place.
  ActorId id_of(ActorIndex index) const { return place(index).id.load(std::memory_order_relaxed); }
  uint32_t size() const { return size_.load(std::memory_order_relaxed); }

  // --- For sweeps. One at a time.
  bool crowded() const { return size() >= crowded_at_.load(std::memory_order_relaxed); }
  // From here on what is asked for, or kept, counts as in use.
  void begin_sweep();
  // Whether what a record holds must be kept when it leaves its stripe for another one. The record's stripe is held.
  bool sweeping() const { return sweeping_.load(std::memory_order_relaxed); }
  void keep(ActorIndex index) {
    std::atomic<bool>& in_use = place(index).in_use;
    if (!in_use.load(std::memory_order_relaxed)) in_use.store(true, std::memory_order_relaxed);
  }
  // What is not in use is free from now on. All stripes are held, and the entries of all of them have been kept.
  void end_sweep();
  // Changes whenever a sweep begins or ends. Indexes that were asked for without a stripe are to be asked for
  // anew when it is another one by the time the record's stripe is held.
  uint64_t era() const { return era_.load(std::memory_order_acquire); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kBlockPlaces = 256;
  struct Place {
    std::atomic<ActorId> id{0};
    std::atomic<bool> in_use{false};  // Since the last sweep began.
  };
  using Block = std::array<Place, kBlockPlaces>;

  const Place& place(ActorIndex index) const {
    return (*blocks_[index / kBlockPlaces])[index % kBlockPlaces];
  }
  Place& place(ActorIndex index) { return (*blocks_[index / kBlockPlaces])[index % kBlockPlaces]; }
  ActorIndex find_or_add(ActorId id);
  bool find_or_add(ActorId id, uint32_t most, ActorIndex* index);
  ActorIndex new_place();

  std::mutex mutex_;
  // Blocks stay where they are.
  std::array<std::unique_ptr<Block>, kCapacity / kBlockPlaces> blocks_;
  absl::flat_hash_map<ActorId, ActorIndex> indexes_;
  std::vector<ActorIndex> free_;
  uint32_t places_ = 0;  // Indexes that were ever given.
  std::atomic<uint32_t> last_{kNone};
  std::atomic<uint32_t> size_{0};
  std::atomic<uint32_t> crowded_at_{kCrowded};
  std::atomic<bool> sweeping_{false};
  std::atomic<uint64_t> era_{0};
};

}  // namespace starling::engine
