// A table of entries in the order of their hash: one partition's records, or one collection's elements.
//
// A small one is a single segment (table_segment.h). One that outgrows it is divided by the leading bits of
// the hash, again and again where entries are many, and has a directory of the parts. So a walk over a range
// of slots is a walk over a range of hashes, whatever the table's size was when the walk began: SCAN's cursors
// and the checkpoint's key order rest on that. And so no insertion moves more than one segment's entries, and
// filling a table in ascending order of the hash (as whoever copies another one does) costs no more than in
// any other order. The owner locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/base/heap.h"
#include "engine/base/key.h"
#include "engine/memory/entry.h"
#include "engine/memory/table_segment.h"

namespace starling::engine {

// Which checkpoint an entry waits for: 0 none (clean), 1 or 2 the epoch's parity + 1.
using DirtyTag = uint8_t;

class Table {
 public:
  // A place for an entry: the segment's place in the directory (upper 32 bits), the slot's in the segment.
  // Ascending with the home's hashes. An empty segment may have none.
  using Slot = uint64_t;
  static constexpr Slot kNotFound = UINT64_MAX;

  Table() = default;
  // Destroys the entries too.
  ~Table() { clear(); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  uint32_t size() const { return used_; }
  size_t memory_bytes() const;

  // The slot of the entry with this name, or kNotFound. `hash` is hash_of(name).
  Slot find(uint64_t hash, std::string_view name) const {
    if (used_ == 0) return kNotFound;
    if (depth_ != 0) [[unlikely]]
      return find_in_directory(hash, name);
    const uint64_t fingerprint = TableSegment::fingerprint_of(hash);
    const uint64_t* slots = this->slots();
    for (uint32_t i = home(hash);; ++i) {
      const uint64_t slot = slots[i];
      if (slot == 0) return kNotFound;
      if ((slot & TableSegment::kFingerprintMask) == fingerprint &&
          TableSegment::pointer(slot)->key() == name)
        return i;
    }
  }

  // For a pipeline of lookups: brings the home slot, then the likely entry, into the cache.
  // The former may be called while others change the table: what it reads makes an address, nothing more.
  void prefetch_slot(uint64_t hash) const {
    const auto slots = reinterpret_cast<uintptr_t>(this->slots());
    __builtin_prefetch(reinterpret_cast<const void*>(slots + home(hash) * sizeof(uint64_t)));
  }
  void prefetch_entry(uint64_t hash) const;

  Entry* entry(Slot slot) const { return TableSegment::pointer(word(slot)); }  // Null for a free slot.
  DirtyTag tag(Slot slot) const { return static_cast<DirtyTag>(word(slot) >> TableSegment::kTagShift & 3); }
  void set_tag(Slot slot, DirtyTag tag) {
    uint64_t& word = this->word(slot);
    word = (word & ~(uint64_t{3} << TableSegment::kTagShift)) | uint64_t{tag} << TableSegment::kTagShift;
  }
  // Looks at slots, at no entry.
  void tag_all(DirtyTag tag);
  // Puts another entry of the same name in place of the old one, which is not destroyed.
  void replace(Slot slot, Entry* entry) {
    uint64_t& word = this->word(slot);
    word = (word & ~TableSegment::kPointerMask) | reinterpret_cast<uint64_t>(entry);
  }

  // Precondition: no entry of that name. Takes over the entry. May move others: slots found before are stale.
  Slot insert(uint64_t hash, Entry* entry, DirtyTag tag);
  // Takes the entry out and returns it; slots found before are stale. The caller destroys it. `next`: where a
  // walk that came to this slot goes on; it may come to entries again, and leaves none out.
  Entry* take(Slot slot, Slot* next = nullptr);
  void clear();
  // Room for so many entries, so that few or none are moved while they come. Precondition: nothing was inserted.
  void reserve(uint64_t entries);
  // Gives room back when there is far more than what is here takes. Slots found before are stale.
  void fit();
  // Visits all entries in the order of their hash, those that come next on their way into the cache meanwhile.
  // `visit` may destroy the entry, if the table is not used any more.
  void for_each(absl::FunctionRef<void(Entry&)> visit) const;

  // A walk: from the first slot, or the first that may hold an entry with a hash >= `hash`, or `slot` itself
  // if it still exists after changes, else the next, to end().
  Slot begin() const { return at_or_after(0); }
  Slot end() const { return depth_ == 0 ? total_ : uint64_t{1} << depth_ << 32; }
  Slot lower_slot(uint64_t hash) const { return used_ == 0 ? end() : at_or_after(home_slot(hash)); }
  Slot at_or_after(Slot slot) const {
    if (depth_ == 0) [[likely]]
      return slot < total_ ? slot : total_;
    return at_or_after_in_directory(slot);
  }
  Slot next(Slot slot) const { return at_or_after(slot + 1); }
  // The smallest hash that is at home at or after `slot` + 1: where a scan that has visited all entries at
  // home up to `slot` goes on. 2^48 when there is none.
  uint64_t hash_after(Slot slot) const;
  // Not always a slot that exists, but ordered like those.
  Slot home_slot(uint64_t hash) const {
    if (depth_ == 0) [[likely]]
      return home(hash);
    return home_slot_in_directory(hash);
  }

  // For random samples: draws below sample_size() name each entry once, and nothing else but null.
  uint64_t sample_size() const;
  const Entry* sample(uint64_t draw) const;
  // For walks that begin somewhere: a slot for each such draw. Precondition: not empty.
  Slot slot_near(uint64_t draw) const;

  // Has the entry moved to where memory is used better. Answers the bytes that were.
  size_t move_entry(Heap& heap, Slot slot);
  // Has the array that the slot is in, not the entries, moved to where memory is used better. Answers the
  // bytes that were. Slots stay what they are.
  size_t move_slots(Heap& heap, Slot slot);
  // How many arrays of slots there are.
  uint32_t segment_count() const;

 private:
  struct Directory;
  static constexpr uint32_t kMaxDepth = 26;  // SCAN's cursors tell no more hashes apart.

  uint64_t* slots() const { return slots_.load(std::memory_order_relaxed); }
  uint32_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  uint32_t home(uint64_t hash) const { return static_cast<uint32_t>((hash >> 16) * capacity() >> 32); }
  uint64_t& word(Slot slot) const {
    if (depth_ == 0) [[likely]]
      return slots()[slot];
    return word_in_directory(slot);
  }
  void set_flat(const TableSegment& segment);
  TableSegment flat() const { return {slots(), capacity(), 0}; }
  void resize_flat(uint32_t homes);
  Slot insert_flat(uint64_t hash, uint64_t word);

  // With a directory: table_directory.cc.
  Directory* directory() const;
  void set_directory(Directory* directory, uint32_t depth);
  uint32_t places(uint32_t depth) const;
  const TableSegment& segment_at(uint32_t position) const;
  uint32_t position_of(uint64_t hash) const;
  void store(uint32_t position, const TableSegment& segment);
  void release(TableSegment segment);
  static TableSegment make_segment(uint32_t depth, const std::vector<uint64_t>& words);
  void resize_segment(uint32_t position, uint32_t homes);
  void double_directory();
  void halve_directory();
  bool may_divide(uint32_t depth) const;
  void divide(uint32_t position);
  bool merge(uint32_t* position);
  void make_directory();
  void grow_segment(uint32_t position);
  void reserve_directory(uint64_t entries);
  void release_slots();
  void release_directory();
  size_t directory_bytes() const;
  Slot insert_in_directory(uint64_t hash, uint64_t word);
  Entry* take_from_directory(Slot slot, Slot* next);
  Slot find_in_directory(uint64_t hash, std::string_view name) const;
  void prefetch_entry_in_directory(uint64_t hash) const;
  Slot at_or_after_in_directory(Slot slot) const;
  Slot home_slot_in_directory(uint64_t hash) const;
  uint64_t& word_in_directory(Slot slot) const;
  uint64_t hash_after_in_directory(Slot slot) const;
  size_t move_slots_in_directory(Heap& heap, Slot slot);

  // Both atomic for prefetch_slot() alone.
  std::atomic<uint64_t*> slots_{nullptr};  // The segment's slots, or the directory's segments.
  std::atomic<uint32_t> capacity_{0};      // The segment's homes, or the words of the directory's segments.
  uint32_t total_ = 0;                     // Slots; 0 with a directory.
  uint32_t used_ = 0;
  uint32_t depth_ = 0;  // 0: one segment; else by how many bits of the hash the directory goes.
};

}  // namespace starling::engine
