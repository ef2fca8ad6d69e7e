// In which order changes of collections leave a node of several loops.
//
// A delta builds on all that was done to its record before, and loops have links of their own, so that what
// one sends overtakes what another one has sent. Hence, as long as a change of a partition's collections is
// under way, all further ones leave by the loop that ships that one; the loops that made them hand them over.
// A partition that nobody else is writing to costs its loop two atomic operations and no hop.
//
//   made, keys still locked      begin() ─┬─ true: this loop ships it, before it makes or takes another one
//                                         └─ false: hand_over() ──> the shipping loop's queue ──> take()
//   every replica has answered,
//   or is given up               end()
//
// Strings are not among it: they are shipped whole, in any order.
//
// It also counts the bytes of all changes that the loops hold for replicas: handed over here, and in writes that
// replicas have not all answered (the coordinators add those).
//
// Any thread, by the rules of each function. Waits for nothing but a queue's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/data/quorum.h"
#include "cluster/topology/partition_set.h"

namespace starling::cluster {

// A change that another loop made.
struct HandedChange {
  size_t origin = 0;  // The loop, and what it knows the change by.
  uint64_t token = 0;
  uint16_t partition = 0;
  QuorumOptions options;
  int64_t began_us = 0;  // From when on its time runs.
  std::string change;    // One `change` of data_messages.h.
};

class OrderedChanges {
 public:
  // Loops are numbered from 0; at most kMaxLoops.
  static constexpr size_t kMaxLoops = 255;
  explicit OrderedChanges(size_t loops);

  // A change of the partition was made by the loop `self`; its key is still locked. True: this loop ships it,
  // before it makes another one or calls take(). False: hand_over() must follow while the key is locked.
  // Either way end() must come once for it.
  [[nodiscard]] bool begin(uint16_t partition, size_t self);
  // To the loop that ships the partition's changes, which is returned. *first: its queue was empty, so it has
  // to be told to take().
  size_t hand_over(HandedChange change, bool* first);
  // The loop's own thread: what was handed to it, in the order in which it was made.
  std::vector<HandedChange> take(size_t loop);
  bool any(size_t loop) const { return queues_[loop].size.load(std::memory_order_acquire) != 0; }

  void end(uint16_t partition);

  void add_bytes(size_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void remove_bytes(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // Of large writes (piece.h), apart: few of them are much, and others are not to wait for them.
  void add_large_bytes(size_t bytes) { large_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void remove_large_bytes(size_t bytes) { large_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t large_bytes() const { return large_bytes_.load(std::memory_order_relaxed); }

  // Adds the partitions of what was handed to the loop and it has not taken. What it has is owed there.
  void add_handed(size_t loop, PartitionSet* partitions) const;
  // Some change of the partition's collections is on its way to replicas, by whichever loop.
  bool under_way(uint16_t partition) const {
    return count_of(lanes_[partition].load(std::memory_order_relaxed)) != 0;
  }

 private:
  // By partition: changes under way, and above them the loop that ships them.
  static constexpr uint32_t kLoopShift = 24;
  static uint32_t count_of(uint32_t lane) { return lane & ((1u << kLoopShift) - 1); }
  struct alignas(64) Queue {
    std::atomic<size_t> size{0};
    mutable std::mutex mutex;
    std::vector<HandedChange> changes;
  };

  std::unique_ptr<std::atomic<uint32_t>[]> lanes_;
  std::vector<Queue> queues_;
  alignas(64) std::atomic<size_t> bytes_{0};
  std::atomic<size_t> large_bytes_{0};
};

}  // namespace starling::cluster
