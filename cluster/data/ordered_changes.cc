#include "cluster/data/ordered_changes.h"

#include <utility>

#include "engine/base/assert.h"
#include "engine/base/key.h"

namespace starling::cluster {

OrderedChanges::OrderedChanges(size_t loops)
    : lanes_(std::make_unique<std::atomic<uint32_t>[]>(engine::kPartitionCount)), queues_(loops) {
  STARLING_ASSERT(loops >= 1 && loops <= kMaxLoops);
}

bool OrderedChanges::begin(uint16_t partition, size_t self) {
  std::atomic<uint32_t>& lane = lanes_[partition];
  uint32_t seen = lane.load(std::memory_order_relaxed);
  uint32_t wanted;
  do {
    wanted = count_of(seen) == 0 ? static_cast<uint32_t>(self) << kLoopShift | 1 : seen + 1;
  } while (!lane.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel));
  // What others have handed over and this loop has not taken was made before.
  return wanted >> kLoopShift == self && !any(self);
}

size_t OrderedChanges::hand_over(HandedChange change, bool* first) {
  // It stays that loop's, as begin() has counted the change.
  const size_t loop = lanes_[change.partition].load(std::memory_order_acquire) >> kLoopShift;
  Queue& queue = queues_[loop];
  add_bytes(change.change.size());
  std::lock_guard lock(queue.mutex);
  *first = queue.changes.empty();
  queue.changes.push_back(std::move(change));
  queue.size.store(queue.changes.size(), std::memory_order_release);
  return loop;
}

std::vector<HandedChange> OrderedChanges::take(size_t loop) {
  Queue& queue = queues_[loop];
  if (!any(loop)) return {};
  std::vector<HandedChange> changes;
  {
    std::lock_guard lock(queue.mutex);
    queue.size.store(0, std::memory_order_release);
    changes.swap(queue.changes);
  }
  size_t bytes = 0;
  for (const HandedChange& change : changes) bytes += change.change.size();
  remove_bytes(bytes);
  return changes;
}

void OrderedChanges::add_handed(size_t loop, PartitionSet* partitions) const {
  const Queue& queue = queues_[loop];
  std::lock_guard lock(queue.mutex);
  for (const HandedChange& change : queue.changes) partitions->set(change.partition);
}

void OrderedChanges::end(uint16_t partition) {
  const uint32_t before = lanes_[partition].fetch_sub(1, std::memory_order_acq_rel);
  STARLING_ASSERT(count_of(before) != 0);
}

}  // namespace starling::cluster
