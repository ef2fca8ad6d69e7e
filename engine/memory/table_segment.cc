#include "engine/memory/table_segment.h"

#include <cstdlib>

#include "engine/base/assert.h"
#include "engine/base/key.h"

namespace starling::engine {

namespace {

uint64_t* allocate(uint32_t slots) {
  auto* array = static_cast<uint64_t*>(std::calloc(slots + 1, sizeof(uint64_t)));
  STARLING_ASSERT(array != nullptr);
  return array + 1;
}

// For a walk that looks at entries, which lie anywhere: brings one that comes soon into the cache.
void prefetch_ahead(const uint64_t* slots, size_t i, size_t count) {
  constexpr size_t kAhead = 12;  // Slots: about eight entries, as many as memory brings at a time.
  if (i + kAhead < count) __builtin_prefetch(TableSegment::pointer(slots[i + kAhead]));
}

}  // namespace

bool TableSegment::place(uint64_t hash, uint64_t slot, uint32_t limit, uint32_t* index) const {
  const uint32_t first = home(hash);
  const uint32_t last = slot_count() - 1;
  for (uint32_t i = first; i < last && i - first <= limit; ++i) {
    if (slots[i] != 0) continue;
    slots[i] = slot;
    *index = i;
    return true;
  }
  return false;
}

void TableSegment::prefetch_entry(uint64_t hash) const {
  const uint64_t fingerprint = fingerprint_of(hash);
  for (uint32_t i = home(hash); slots[i] != 0; ++i) {
    if ((slots[i] & kFingerprintMask) != fingerprint) continue;
    const auto* entry = reinterpret_cast<const char*>(pointer(slots[i]));
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 64);
    return;
  }
}

void TableSegment::for_each(absl::FunctionRef<void(Entry&)> visit) const {
  const uint32_t count = slot_count();
  for (uint32_t i = 0; i < count; ++i) {
    prefetch_ahead(slots, i, count);
    if (slots[i] != 0) visit(*pointer(slots[i]));
  }
}

void TableSegment::erase(uint32_t index) const {
  uint32_t hole = index;
  for (uint32_t i = index + 1; slots[i] != 0; ++i) {
    if (homes != 1 && home(hash_of(pointer(slots[i])->key())) > hole) continue;
    slots[hole] = slots[i];
    hole = i;
  }
  slots[hole] = 0;
}

uint32_t TableSegment::run_begin(uint32_t index) const {
  while (index > 0 && slots[index - 1] != 0) --index;
  return index;
}

uint64_t TableSegment::offset_after(uint32_t slot) const {
  const uint64_t width = uint64_t{1} << (kHashBits - depth);
  if (slot + 1 >= homes) return width;
  // The least x with x * homes >> 32 > slot, x being the 32 bits behind those in common.
  const uint64_t behind = (((uint64_t{slot} + 1) << 32) + homes - 1) / homes;
  return ((behind << 16) + (uint64_t{1} << depth) - 1) >> depth;
}

TableSegment TableSegment::make(uint32_t depth, uint32_t homes, const uint64_t* slots, size_t count) {
  for (;; homes = next_size(homes)) {
    TableSegment segment{allocate(slots_for(homes)), homes, depth};
    bool fits = true;
    uint32_t used = 0;
    for (size_t i = 0; fits && i < count; ++i) {
      prefetch_ahead(slots, i, count);
      if (slots[i] == 0) continue;
      uint32_t index;
      fits = segment.place(hash_of(pointer(slots[i])->key()), slots[i], UINT32_MAX, &index);
      ++used;
    }
    segment.set_used(used);
    if (fits) return segment;
    segment.release();
  }
}

size_t TableSegment::move(Heap& heap) {
  const size_t bytes = array_bytes();
  void* moved = heap.move(slots - 1, bytes);
  if (moved == nullptr) return 0;
  slots = static_cast<uint64_t*>(moved) + 1;
  return bytes;
}

void TableSegment::release() {
  if (slots != nullptr) std::free(slots - 1);
  slots = nullptr;
  homes = 0;
}

}  // namespace starling::engine
