// An open-addressing table of entries in the order of their hash: one partition's records, or one
// collection's elements.
//
// A slot is one word: pointer (48 bits), tag (2), fingerprint (14). Entries sit at or after their home slot,
// home rises with the hash, and probing never wraps around; so a walk over a range of slots is a walk over a
// range of hashes, whatever the table's size was when the walk began. SCAN's cursors and the checkpoint's key
// order rest on that. Erasing shifts back, so there are no dead slots. The owner locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/entry.h"
#include "engine/heap.h"
#include "engine/key.h"

namespace starling::engine {

// Which checkpoint an entry waits for: 0 none (clean), 1 or 2 the epoch's parity + 1.
using DirtyTag = uint8_t;

class Table {
 public:
  static constexpr uint32_t kNotFound = UINT32_MAX;

  Table() = default;
  // Destroys the entries too.
  ~Table() { clear(); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  uint32_t size() const { return used_; }
  uint32_t slot_count() const { return total_; }
  size_t memory_bytes() const { return total_ == 0 ? 0 : allocation_bytes(total_ * sizeof(uint64_t)); }

  // The slot of the entry with this name, or kNotFound. `hash` is hash_of(name).
  uint32_t find(uint64_t hash, std::string_view name) const {
    if (total_ == 0) return kNotFound;
    const uint64_t fingerprint = fingerprint_of(hash);
    const uint64_t* slots = this->slots();
    for (uint32_t i = home(hash);; ++i) {
      const uint64_t slot = slots[i];
      if (slot == 0) return kNotFound;
      if ((slot & kFingerprintMask) == fingerprint && pointer(slot)->key() == name) return i;
    }
  }

  // For a pipeline of lookups: brings the home slot, then the likely entry, into the cache.
  // The former may be called while others change the table: what it reads makes an address, nothing more.
  void prefetch_slot(uint64_t hash) const {
    const auto slots = reinterpret_cast<uintptr_t>(this->slots());
    __builtin_prefetch(reinterpret_cast<const void*>(slots + home(hash) * sizeof(uint64_t)));
  }
  void prefetch_entry(uint64_t hash) const;

  Entry* entry(uint32_t index) const { return pointer(slots()[index]); }  // Null for a free slot.
  DirtyTag tag(uint32_t index) const { return static_cast<DirtyTag>(slots()[index] >> kTagShift & 3); }
  void set_tag(uint32_t index, DirtyTag tag) {
    uint64_t& slot = slots()[index];
    slot = (slot & ~(uint64_t{3} << kTagShift)) | static_cast<uint64_t>(tag) << kTagShift;
  }
  // Puts another entry of the same name in place of the old one, which is not destroyed.
  void replace(uint32_t index, Entry* entry) {
    uint64_t& slot = slots()[index];
    slot = (slot & ~kPointerMask) | reinterpret_cast<uint64_t>(entry);
  }

  // Precondition: no entry of that name. Takes over the entry. May move others: slots found before are stale.
  uint32_t insert(uint64_t hash, Entry* entry, DirtyTag tag);
  // Takes the entry out and returns it; slots found before are stale. The caller destroys it.
  Entry* take(uint32_t index);
  void clear();
  // Has the slots, not the entries, moved to where memory is used better. Answers the bytes that were.
  size_t move_slots(Heap& heap);

  // The first slot that may hold an entry with a hash >= `hash`.
  uint32_t lower_slot(uint64_t hash) const { return total_ == 0 ? 0 : home(hash); }
  // The smallest hash that is at home at or after `slot` + 1: where a scan that has visited all entries at
  // home up to `slot` goes on. 2^48 when there is none.
  uint64_t hash_after(uint32_t slot) const;
  uint32_t home_slot(uint64_t hash) const { return home(hash); }

 private:
  static constexpr uint64_t kPointerMask = (uint64_t{1} << 48) - 1;
  static constexpr int kTagShift = 48;
  static constexpr int kFingerprintShift = 50;
  static constexpr uint64_t kFingerprintMask = ~uint64_t{0} << kFingerprintShift;
  static constexpr uint32_t kLinearSlots = 9;  // Up to eight entries: one home for all, no room lost.

  static Entry* pointer(uint64_t slot) { return reinterpret_cast<Entry*>(slot & kPointerMask); }
  static uint64_t fingerprint_of(uint64_t hash) { return hash << kFingerprintShift; }
  uint64_t* slots() const { return slots_.load(std::memory_order_relaxed); }
  uint32_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  uint32_t home(uint64_t hash) const { return static_cast<uint32_t>((hash >> 16) * capacity() >> 32); }
  void resize(uint32_t capacity);
  bool place(uint64_t hash, uint64_t slot, uint32_t* index);
  void grow();

  // Atomic for prefetch_slot() alone.
  std::atomic<uint64_t*> slots_{nullptr};
  std::atomic<uint32_t> capacity_{0};  // Homes. 1: every entry's home is slot 0.
  uint32_t total_ = 0;                 // Slots; the last one always stays free, so probes end.
  uint32_t used_ = 0;
};

}  // namespace starling::engine
