// The allocator that the program is linked with: what is asked of it, and how it is set up.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/heap.h"

namespace starling::server {

// "jemalloc", "mimalloc" or "libc".
const char* allocator_name();

// In bytes: what the program asked for, the pages that this is in, and all that is held of the system.
struct AllocatorFigures {
  uint64_t allocated = 0;
  uint64_t active = 0;
  uint64_t resident = 0;
};
// Nothing where the allocator does not tell.
std::optional<AllocatorFigures> allocator_figures();

// Call it once, in the process that will serve (after daemon()): freed pages then go back to the system by
// themselves.
void start_releasing_memory();

// What the engine asks of the allocator; null where it cannot tell how its pages are used.
engine::Heap* packing_heap();

// Gives free pages back to the system at once.
void purge_free_pages();
// All that can be given back, as far as the allocator can find it. May take a while.
void release_free_memory();

}  // namespace starling::server
