// Moves records together, so that the holes which others left become whole pages that the system gets back.
//
// Records go one by one out of pages that hold others, and tables grow out of one size class into the next.
// New records fill holes only of their own size. Where that matters, with little memory and records of many
// sizes, a third of what the process held was holes. Every entry, and every table, is known to one place
// only, so that it can be moved by whoever holds its stripe.
//
// What stays where it is: values of their own buffer (kBigValueBytes and more: they take whole pages) and
// what is not a record.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/heap.h"
#include "engine/core/core.h"

namespace starling::engine {

class Packer {
 public:
  explicit Packer(EngineCore& core) : core_(core) {}

  // Goes on where it ended, for about `budget_us`, to the end of all partitions at most. One thread at a
  // time; the caller holds no stripe, and those that others hold are passed over.
  void pack(Heap& heap, int64_t budget_us);

  // How often it came to the end of all partitions, and what it has moved altogether.
  uint64_t rounds() const { return rounds_; }
  uint64_t moved_bytes() const { return moved_bytes_; }

 private:
  void pack_some(Heap& heap);
  template <typename Owner, typename Inside>
  bool pack_table(Heap& heap, const Table& table, Owner& owner, Table::Slot* slot, Inside inside);
  bool pack_collection(Heap& heap, Collection& collection);
  void next_partition();

  EngineCore& core_;
  // Where it is. Tables may change meanwhile: then some entries are passed over or looked at twice.
  uint32_t partition_ = 0;
  size_t database_ = 0;
  Table::Slot slot_ = 0;
  Table::Slot element_slot_ = 0;
  int left_ = 0;  // Slots to look at under this lock.
  uint64_t rounds_ = 0;
  uint64_t moved_bytes_ = 0;
};

}  // namespace starling::engine
