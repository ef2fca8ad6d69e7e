#include "engine/memory/actor_table.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::engine {

ActorIndex ActorTable::new_place() {
  if (!free_.empty()) {
    const ActorIndex index = free_.back();
    free_.pop_back();
    return index;
  }
  auto& block = blocks_[places_ / kBlockPlaces];
  if (block == nullptr) block = std::make_unique<Block>();
  return static_cast<ActorIndex>(places_++);
}

// False: it is not here, and there are `most` already.
bool ActorTable::find_or_add(ActorId id, uint32_t most, ActorIndex* index) {
  const std::lock_guard lock(mutex_);
  const auto found = indexes_.find(id);
  if (found != indexes_.end()) {
    *index = found->second;
  } else {
    if (indexes_.size() >= most) return false;
    *index = new_place();
    place(*index).id.store(id, std::memory_order_relaxed);
    indexes_.emplace(id, *index);
    size_.store(static_cast<uint32_t>(indexes_.size()), std::memory_order_relaxed);
  }
  keep(*index);
  last_.store(*index, std::memory_order_release);
  return true;
}

ActorIndex ActorTable::find_or_add(ActorId id) {
  ActorIndex index;
  const bool found = find_or_add(id, kCapacity, &index);
  STARLING_ASSERT(found);
  return index;
}

bool ActorTable::take(ActorId id) {
  const uint32_t last = last_.load(std::memory_order_acquire);
  if (last != kNone && id_of(static_cast<ActorIndex>(last)) == id) {
    keep(static_cast<ActorIndex>(last));
    return true;
  }
  ActorIndex index;
  return find_or_add(id, kCapacity - kReserved, &index);
}

void ActorTable::begin_sweep() {
  const std::lock_guard lock(mutex_);
  for (uint32_t i = 0; i < places_; ++i)
    place(static_cast<ActorIndex>(i)).in_use.store(false, std::memory_order_relaxed);
  sweeping_.store(true, std::memory_order_relaxed);
  // After the marks are gone: who sees this era has had its own not taken away.
  era_.fetch_add(1, std::memory_order_acq_rel);
}

void ActorTable::end_sweep() {
  const std::lock_guard lock(mutex_);
  for (auto at = indexes_.begin(); at != indexes_.end();) {
    const auto here = at++;
    if (place(here->second).in_use.load(std::memory_order_relaxed)) continue;
    free_.push_back(here->second);
    indexes_.erase(here);
  }
  const auto left = static_cast<uint32_t>(indexes_.size());
  size_.store(left, std::memory_order_relaxed);
  last_.store(kNone, std::memory_order_release);
  // Where many are in use, the next sweep waits until half of the rest is taken.
  constexpr uint32_t kMost = kCapacity - kReserved;
  crowded_at_.store(std::max(kCrowded, left + (kMost - std::min(left, kMost)) / 2),
                    std::memory_order_relaxed);
  sweeping_.store(false, std::memory_order_relaxed);
  era_.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace starling::engine
