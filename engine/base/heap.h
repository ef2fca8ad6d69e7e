// What the engine asks of the allocator besides memory: that it holds no more of the system's than it needs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace starling::engine {

// Any thread.
class Heap {
 public:
  virtual ~Heap() = default;

  // Bytes of pages that are in use less the bytes in use on them.
  virtual uint64_t hole_bytes() = 0;

  // Moves an allocation of `bytes`, made by malloc(), from a page that is used less than others are to one
  // of those, and answers where it is now. Null: it stays where it is.
  virtual void* move(void* allocation, size_t bytes) = 0;

  // Gives pages that nothing is on back to the system.
  virtual void release_free_pages() = 0;
};

}  // namespace starling::engine
