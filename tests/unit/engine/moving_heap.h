// An allocator that moves all it is asked about, so that whoever kept the old place is found out.
#pragma once

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "engine/base/heap.h"

namespace starling::engine {

class MovingHeap final : public Heap {
 public:
  uint64_t hole_bytes() override {
    ++asked;
    return holes;
  }
  void* move(void* allocation, size_t bytes) override {
    void* moved = std::malloc(bytes);
    std::memcpy(moved, allocation, bytes);
    std::memset(allocation, 0xdb, bytes);
    std::free(allocation);
    ++moves;
    return moved;
  }
  void release_free_pages() override { ++releases; }

  std::atomic<uint64_t> holes{0};
  std::atomic<int> asked{0}, moves{0}, releases{0};
};

}  // namespace starling::engine
