// The allocator that the program is linked with: what is asked of it, and how it is set up.
#pragma once

namespace starling::server {

// "jemalloc", "mimalloc" or "libc".
const char* allocator_name();

// Call it once, in the process that will serve (after daemon()): freed pages then go back to the system by
// themselves.
void start_releasing_memory();

// Gives free memory back to the system at once. May take a while.
void release_free_memory();

}  // namespace starling::server
