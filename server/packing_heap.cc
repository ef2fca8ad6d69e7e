#include <algorithm>
#include <cstring>
#include <memory>

#include "server/process/allocator.h"

extern "C" {
// jemalloc's; found only in a program that is linked with it.
[[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size, void* value, size_t size);
[[gnu::weak]] int mallctlnametomib(const char* name, size_t* path, size_t* length);
[[gnu::weak]] int mallctlbymib(const size_t* path, size_t length, void* old_value, size_t* old_size,
                               void* value, size_t size);
[[gnu::weak]] void* mallocx(size_t size, int flags);
[[gnu::weak]] void dallocx(void* allocation, int flags);
}

namespace starling::server {
namespace {

// Not by way of the thread's cache: what is freed would come back at the next allocation.
constexpr int kNoThreadCache = 1 << 8;
// Small allocations share slabs of one size; larger ones have pages of their own.
constexpr size_t kLargestSmallBytes = 14 << 10;

// What "experimental.utilization.query" answers of an allocation: its slab, and all slabs of its size.
struct Slabs {
  const char* next_from = nullptr;  // The slab that the next allocation comes from.
  size_t free = 0;
  size_t slots = 0;
  size_t bytes = 0;
  size_t free_of_all = 0;
  size_t slots_of_all = 0;
};

class JemallocHeap final : public engine::Heap {
 public:
  bool usable() {
    if (mallctl == nullptr || mallctlnametomib == nullptr || mallctlbymib == nullptr || mallocx == nullptr ||
        dallocx == nullptr)
      return false;
    if (mallctlnametomib("experimental.utilization.query", path_, &path_length_) != 0) return false;
    const auto probe = std::make_unique<uint64_t>(0);
    Slabs slabs;
    return query(probe.get(), &slabs) && slabs.slots > 1 && slabs.slots_of_all >= slabs.slots;
  }

  uint64_t hole_bytes() override {
    const auto figures = allocator_figures();
    return figures ? figures->active - std::min(figures->active, figures->allocated) : 0;
  }

  void* move(void* allocation, size_t bytes) override {
    Slabs slabs;
    if (bytes > kLargestSmallBytes || !query(allocation, &slabs)) return nullptr;
    const auto* place = static_cast<const char*>(allocation);
    const bool current = place >= slabs.next_from && place < slabs.next_from + slabs.bytes;
    // Emptier than the others of its size; a full one never is.
    if (current || slabs.free * slabs.slots_of_all <= slabs.free_of_all * slabs.slots) return nullptr;
    void* moved = mallocx(bytes, kNoThreadCache);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, allocation, bytes);
    dallocx(allocation, kNoThreadCache);
    return moved;
  }

  void release_free_pages() override { purge_free_pages(); }

 private:
  bool query(const void* allocation, Slabs* slabs) const {
    size_t size = sizeof(*slabs);
    return mallctlbymib(path_, path_length_, slabs, &size, &allocation, sizeof(allocation)) == 0;
  }

  size_t path_[3] = {};
  size_t path_length_ = 3;
};

}  // namespace

engine::Heap* packing_heap() {
  static JemallocHeap heap;
  static const bool usable = heap.usable();
  return usable ? &heap : nullptr;
}

}  // namespace starling::server
