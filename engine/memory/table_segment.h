// One array of slots: a table that is small, or the part of a large one whose hashes begin with the same bits.
//
// A slot is one word: pointer (48 bits), tag (2), fingerprint (14). Entries sit at or after their home, home
// rises with the hash, and probing never leaves the segment. Erasing shifts back, so there are no dead slots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/base/heap.h"
#include "engine/memory/entry.h"

namespace starling::engine {

struct TableSegment {
  static constexpr uint64_t kPointerMask = (uint64_t{1} << 48) - 1;
  static constexpr int kTagShift = 48;
  static constexpr int kFingerprintShift = 50;
  static constexpr uint64_t kFingerprintMask = ~uint64_t{0} << kFingerprintShift;
  static constexpr uint32_t kLinearSlots = 9;  // Up to eight entries: one home for all, no room lost.
  // A segment of so many homes is divided rather than made larger.
  static constexpr uint32_t kFullHomes = 1024;
  static constexpr uint32_t kLongProbe = 64;

  uint64_t* slots = nullptr;  // Null only while there is no entry.
  uint32_t homes = 0;         // 1: every entry's home is slot 0.
  uint32_t depth = 0;         // How many leading bits all hashes here have in common.

  static Entry* pointer(uint64_t slot) { return reinterpret_cast<Entry*>(slot & kPointerMask); }
  static uint64_t fingerprint_of(uint64_t hash) { return hash << kFingerprintShift; }
  // The slots behind the last home take what probing pushes over the end; the last one always stays free, so
  // that probes end.
  static uint32_t slots_for(uint32_t homes) {
    return homes == 0 ? 0 : homes == 1 ? kLinearSlots : homes + 4 + homes / 16;
  }
  // So many homes keep `entries` two thirds full.
  static constexpr uint32_t homes_for(uint32_t entries) {
    return entries == 0 ? 0 : entries < kLinearSlots - 1 ? 1 : entries + entries / 2 + 4;
  }
  static uint32_t next_size(uint32_t homes) {
    return homes == 0 ? 1 : homes == 1 ? 16 : homes + homes / 4 + 2;
  }

  uint32_t slot_count() const { return slots_for(homes); }
  size_t memory_bytes() const { return slots == nullptr ? 0 : allocation_bytes(array_bytes()); }
  size_t array_bytes() const { return (slot_count() + 1) * sizeof(uint64_t); }
  // The word before the first slot: how many entries there are, in a segment of a directory only.
  uint32_t used() const { return slots == nullptr ? 0 : static_cast<uint32_t>(slots[-1]); }
  void set_used(uint32_t used) const { slots[-1] = used; }

  // Precondition: homes > 0. `hash` begins with this segment's bits.
  uint32_t home(uint64_t hash) const {
    return static_cast<uint32_t>(uint64_t{static_cast<uint32_t>((hash << depth) >> 16)} * homes >> 32);
  }
  bool full(uint32_t used) const {
    return homes <= 1 ? used + 1 >= slot_count() : uint64_t{used} * 5 >= uint64_t{homes} * 4;
  }
  bool sparse(uint32_t used) const { return homes > 16 && uint64_t{used} * 10 < uint64_t{homes} * 3; }
  // The slot of the entry with this name; slot_count() when there is none. Precondition: slots is not null.
  uint32_t find(uint64_t hash, std::string_view name) const {
    const uint64_t fingerprint = fingerprint_of(hash);
    for (uint32_t i = home(hash);; ++i) {
      const uint64_t slot = slots[i];
      if (slot == 0) return slot_count();
      if ((slot & kFingerprintMask) == fingerprint && pointer(slot)->key() == name) return i;
    }
  }
  // Puts the slot at the first free place from its home on, at most `limit` steps away. False when there is
  // none but the last.
  bool place(uint64_t hash, uint64_t slot, uint32_t limit, uint32_t* index) const;
  // The limit for place(), with so many entries here. Entries that come in ascending order gather before their places
  // are there: better more room, for a while, or a narrower segment.
  uint32_t long_probe(uint32_t used) const { return homes < 4 * used ? kLongProbe : UINT32_MAX; }
  void prefetch_entry(uint64_t hash) const;
  // See Table::for_each().
  void for_each(absl::FunctionRef<void(Entry&)> visit) const;
  // Closes the gap that the slot leaves.
  void erase(uint32_t index) const;
  // The first slot of the run of entries without a gap that `index` is in.
  uint32_t run_begin(uint32_t index) const;
  // The least hash at home at or after `slot` + 1, less what all hashes here have in common; the segment's
  // width when there is none.
  uint64_t offset_after(uint32_t slot) const;

  // A segment of those of these slots that are in use, with at least so many homes; its used() is set.
  static TableSegment make(uint32_t depth, uint32_t homes, const uint64_t* slots, size_t count);
  // Has the array moved (heap.h). Answers its bytes, 0 when it stays.
  size_t move(Heap& heap);
  // Frees the array, not the entries.
  void release();
};

}  // namespace starling::engine
