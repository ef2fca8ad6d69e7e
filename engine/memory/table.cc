#include "engine/memory/table.h"

#include <cstdlib>

#include "engine/base/assert.h"

namespace starling::engine {

namespace {

// With more the table is filled as several segments at once.
constexpr uint64_t kFlatEntries = 640;
static_assert(TableSegment::homes_for(kFlatEntries) <= TableSegment::kFullHomes);
// Memory for more slots an entry than these is too much.
constexpr uint32_t kSparseSlots = 4;

}  // namespace

void Table::prefetch_entry(uint64_t hash) const {
  if (used_ == 0) return;
  if (depth_ == 0) return flat().prefetch_entry(hash);
  prefetch_entry_in_directory(hash);
}

void Table::set_flat(const TableSegment& segment) {
  slots_.store(segment.slots, std::memory_order_relaxed);
  capacity_.store(segment.homes, std::memory_order_relaxed);
  total_ = segment.slot_count();
  depth_ = 0;
}

void Table::resize_flat(uint32_t homes) {
  TableSegment old = flat();
  set_flat(TableSegment::make(0, homes, old.slots, total_));
  old.release();
}

Table::Slot Table::insert_flat(uint64_t hash, uint64_t word) {
  for (;;) {
    const TableSegment segment = flat();
    uint32_t index;
    if (!segment.full(used_) && segment.place(hash, word, segment.long_probe(used_), &index)) {
      ++used_;
      return index;
    }
    if (segment.homes >= TableSegment::kFullHomes) {
      make_directory();
      return insert_in_directory(hash, word);
    }
    resize_flat(TableSegment::next_size(segment.homes));
  }
}

Table::Slot Table::insert(uint64_t hash, Entry* entry, DirtyTag tag) {
  const uint64_t pointer_bits = reinterpret_cast<uint64_t>(entry);
  STARLING_ASSERT((pointer_bits & ~TableSegment::kPointerMask) == 0);
  const uint64_t word =
      pointer_bits | uint64_t{tag} << TableSegment::kTagShift | TableSegment::fingerprint_of(hash);
  return depth_ == 0 ? insert_flat(hash, word) : insert_in_directory(hash, word);
}

Entry* Table::take(Slot slot, Slot* next) {
  if (depth_ != 0) return take_from_directory(slot, next);
  const TableSegment segment = flat();
  Entry* taken = entry(slot);
  const auto index = static_cast<uint32_t>(slot);
  segment.erase(index);
  --used_;
  if (next != nullptr) *next = slot;
  if (used_ == 0) {
    clear();
    if (next != nullptr) *next = end();
  } else if (segment.sparse(used_)) {
    const uint32_t first = segment.run_begin(index);
    const uint64_t hash = first == 0 ? 0 : segment.offset_after(first - 1);
    resize_flat(TableSegment::homes_for(used_));
    if (next != nullptr) *next = lower_slot(hash);
  }
  return taken;
}

void Table::clear() {
  for_each([](Entry& entry) { Entry::destroy(&entry); });
  release_slots();
}

void Table::release_slots() {
  if (depth_ != 0) {
    release_directory();
  } else {
    flat().release();
  }
  set_flat({});
  used_ = 0;
}

void Table::reserve(uint64_t entries) {
  STARLING_ASSERT(used_ == 0 && memory_bytes() == 0);
  if (entries == 0) return;
  if (entries > kFlatEntries) return reserve_directory(entries);
  set_flat(TableSegment::make(0, TableSegment::homes_for(static_cast<uint32_t>(entries)), nullptr, 0));
}

void Table::fit() {
  if (used_ * uint64_t{kSparseSlots} * sizeof(uint64_t) >= memory_bytes()) return;
  std::vector<uint64_t> words;
  words.reserve(used_);
  for (Slot i = begin(); i != end(); i = next(i)) {
    if (word(i) != 0) words.push_back(word(i));
  }
  release_slots();
  reserve(words.size());
  for (const uint64_t word : words) {
    Entry* entry = TableSegment::pointer(word);
    insert(hash_of(entry->key()), entry, static_cast<DirtyTag>(word >> TableSegment::kTagShift & 3));
  }
}

size_t Table::memory_bytes() const {
  return depth_ == 0 ? flat().memory_bytes() : directory_bytes();
}

uint64_t Table::hash_after(Slot slot) const {
  if (depth_ != 0) return hash_after_in_directory(slot);
  return flat().offset_after(static_cast<uint32_t>(slot));
}

size_t Table::move_entry(Heap& heap, Slot slot) {
  const size_t bytes = entry(slot)->used_bytes();
  void* const moved = heap.move(entry(slot), bytes);
  if (moved == nullptr) return 0;
  replace(slot, static_cast<Entry*>(moved));
  return bytes;
}

size_t Table::move_slots(Heap& heap, Slot slot) {
  if (used_ == 0) return 0;
  if (depth_ != 0) return move_slots_in_directory(heap, slot);
  TableSegment segment = flat();
  const size_t bytes = segment.move(heap);
  slots_.store(segment.slots, std::memory_order_relaxed);
  return bytes;
}

}  // namespace starling::engine
