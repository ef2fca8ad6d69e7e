#include "engine/table.h"

#include <cstdlib>
#include <utility>

#include "engine/assert.h"

namespace starling::engine {

namespace {

// The slots behind the last home take what probing pushes over the end.
uint32_t total_for(uint32_t capacity) {
  return capacity + 4 + capacity / 16;
}

}  // namespace

void Table::prefetch_entry(uint64_t hash) const {
  if (total_ == 0) return;
  const uint64_t fingerprint = fingerprint_of(hash);
  for (uint32_t i = home(hash); slots_[i] != 0; ++i) {
    if ((slots_[i] & kFingerprintMask) == fingerprint) {
      const auto* entry = reinterpret_cast<const char*>(pointer(slots_[i]));
      __builtin_prefetch(entry);
      __builtin_prefetch(entry + 64);
      return;
    }
  }
}

// Puts the slot at the first free place from its home on. False when only the last slot, which must stay
// free, is left.
bool Table::place(uint64_t hash, uint64_t slot, uint32_t* index) {
  for (uint32_t i = home(hash); i + 1 < total_; ++i) {
    if (slots_[i] != 0) continue;
    slots_[i] = slot;
    *index = i;
    return true;
  }
  return false;
}

void Table::resize(uint32_t capacity) {
  uint64_t* old_slots = std::exchange(slots_, nullptr);
  const uint32_t old_total = total_;
  for (;; capacity += capacity / 4 + 8) {
    capacity_ = capacity;
    total_ = capacity == 1 ? kLinearSlots : total_for(capacity);
    slots_ = static_cast<uint64_t*>(std::calloc(total_, sizeof(uint64_t)));
    STARLING_ASSERT(slots_ != nullptr);
    bool fits = true;
    for (uint32_t i = 0; fits && i < old_total; ++i) {
      uint32_t index;
      if (old_slots[i] != 0) fits = place(hash_of(pointer(old_slots[i])->key()), old_slots[i], &index);
    }
    if (fits) break;
    std::free(slots_);
  }
  std::free(old_slots);
}

void Table::grow() {
  if (capacity_ == 0) {
    resize(1);
  } else if (capacity_ == 1) {
    resize(16);
  } else {
    resize(capacity_ + capacity_ / 4 + 2);
  }
}

uint32_t Table::insert(uint64_t hash, Entry* entry, DirtyTag tag) {
  const uint64_t pointer_bits = reinterpret_cast<uint64_t>(entry);
  STARLING_ASSERT((pointer_bits & ~kPointerMask) == 0);
  const uint64_t slot = pointer_bits | static_cast<uint64_t>(tag) << kTagShift | fingerprint_of(hash);
  const bool full =
      capacity_ == 1 ? used_ + 1 >= kLinearSlots : uint64_t{used_} * 5 >= uint64_t{capacity_} * 4;
  if (full) grow();
  uint32_t index;
  while (!place(hash, slot, &index)) grow();
  ++used_;
  return index;
}

Entry* Table::take(uint32_t index) {
  Entry* taken = pointer(slots_[index]);
  uint32_t hole = index;
  for (uint32_t i = index + 1; slots_[i] != 0; ++i) {
    if (capacity_ != 1 && home(hash_of(pointer(slots_[i])->key())) > hole) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = 0;
  --used_;
  if (used_ == 0) {
    clear();
  } else if (capacity_ > 16 && uint64_t{used_} * 10 < uint64_t{capacity_} * 3) {
    resize(used_ < 8 ? 1 : used_ + used_ / 2);
  }
  return taken;
}

void Table::clear() {
  for (uint32_t i = 0; i < total_; ++i) {
    if (slots_[i] != 0) Entry::destroy(pointer(slots_[i]));
  }
  std::free(slots_);
  slots_ = nullptr;
  capacity_ = total_ = used_ = 0;
}

size_t Table::move_slots(Heap& heap) {
  if (total_ == 0) return 0;
  const size_t bytes = total_ * sizeof(uint64_t);
  void* moved = heap.move(slots_, bytes);
  if (moved == nullptr) return 0;
  slots_ = static_cast<uint64_t*>(moved);
  return bytes;
}

uint64_t Table::hash_after(uint32_t slot) const {
  constexpr uint64_t kEnd = uint64_t{1} << kHashBits;
  if (slot + 1 >= capacity_) return kEnd;
  // The least x with (x >> 16) * capacity >> 32 > slot, that is (x >> 16) >= ceil((slot + 1) * 2^32 /
  // capacity).
  const uint64_t top = (((uint64_t{slot} + 1) << 32) + capacity_ - 1) / capacity_;
  return top << 16;
}

}  // namespace starling::engine
