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
  const uint64_t* slots = this->slots();
  for (uint32_t i = home(hash); slots[i] != 0; ++i) {
    if ((slots[i] & kFingerprintMask) == fingerprint) {
      const auto* entry = reinterpret_cast<const char*>(pointer(slots[i]));
      __builtin_prefetch(entry);
      __builtin_prefetch(entry + 64);
      return;
    }
  }
}

// Puts the slot at the first free place from its home on. False when only the last slot, which must stay
// free, is left.
bool Table::place(uint64_t hash, uint64_t slot, uint32_t* index) {
  uint64_t* slots = this->slots();
  for (uint32_t i = home(hash); i + 1 < total_; ++i) {
    if (slots[i] != 0) continue;
    slots[i] = slot;
    *index = i;
    return true;
  }
  return false;
}

void Table::resize(uint32_t capacity) {
  uint64_t* old_slots = slots();
  const uint32_t old_total = total_;
  for (;; capacity += capacity / 4 + 8) {
    capacity_.store(capacity, std::memory_order_relaxed);
    total_ = capacity == 1 ? kLinearSlots : total_for(capacity);
    auto* slots = static_cast<uint64_t*>(std::calloc(total_, sizeof(uint64_t)));
    STARLING_ASSERT(slots != nullptr);
    slots_.store(slots, std::memory_order_relaxed);
    bool fits = true;
    for (uint32_t i = 0; fits && i < old_total; ++i) {
      uint32_t index;
      if (old_slots[i] != 0) fits = place(hash_of(pointer(old_slots[i])->key()), old_slots[i], &index);
    }
    if (fits) break;
    std::free(slots);
  }
  std::free(old_slots);
}

void Table::grow() {
  const uint32_t capacity = this->capacity();
  if (capacity == 0) {
    resize(1);
  } else if (capacity == 1) {
    resize(16);
  } else {
    resize(capacity + capacity / 4 + 2);
  }
}

uint32_t Table::insert(uint64_t hash, Entry* entry, DirtyTag tag) {
  const uint64_t pointer_bits = reinterpret_cast<uint64_t>(entry);
  STARLING_ASSERT((pointer_bits & ~kPointerMask) == 0);
  const uint64_t slot = pointer_bits | static_cast<uint64_t>(tag) << kTagShift | fingerprint_of(hash);
  const bool full =
      capacity() == 1 ? used_ + 1 >= kLinearSlots : uint64_t{used_} * 5 >= uint64_t{capacity()} * 4;
  if (full) grow();
  uint32_t index;
  while (!place(hash, slot, &index)) grow();
  ++used_;
  return index;
}

Entry* Table::take(uint32_t index) {
  uint64_t* slots = this->slots();
  Entry* taken = pointer(slots[index]);
  uint32_t hole = index;
  for (uint32_t i = index + 1; slots[i] != 0; ++i) {
    if (capacity() != 1 && home(hash_of(pointer(slots[i])->key())) > hole) continue;
    slots[hole] = slots[i];
    hole = i;
  }
  slots[hole] = 0;
  --used_;
  if (used_ == 0) {
    clear();
  } else if (capacity() > 16 && uint64_t{used_} * 10 < uint64_t{capacity()} * 3) {
    resize(used_ < 8 ? 1 : used_ + used_ / 2);
  }
  return taken;
}

void Table::clear() {
  uint64_t* slots = this->slots();
  for (uint32_t i = 0; i < total_; ++i) {
    if (slots[i] != 0) Entry::destroy(pointer(slots[i]));
  }
  slots_.store(nullptr, std::memory_order_relaxed);
  capacity_.store(0, std::memory_order_relaxed);
  total_ = used_ = 0;
  std::free(slots);
}

size_t Table::move_slots(Heap& heap) {
  if (total_ == 0) return 0;
  const size_t bytes = total_ * sizeof(uint64_t);
  void* moved = heap.move(slots(), bytes);
  if (moved == nullptr) return 0;
  slots_.store(static_cast<uint64_t*>(moved), std::memory_order_relaxed);
  return bytes;
}

uint64_t Table::hash_after(uint32_t slot) const {
  constexpr uint64_t kEnd = uint64_t{1} << kHashBits;
  const uint32_t capacity = this->capacity();
  if (slot + 1 >= capacity) return kEnd;
  // The least x with (x >> 16) * capacity >> 32 > slot, that is (x >> 16) >= ceil((slot + 1) * 2^32 /
  // capacity).
  const uint64_t top = (((uint64_t{slot} + 1) << 32) + capacity - 1) / capacity;
  return top << 16;
}

}  // namespace starling::engine
