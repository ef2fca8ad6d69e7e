#include "server/process/allocator.h"

#include <malloc.h>

#include <cstddef>

extern "C" {
// Read by jemalloc before main(). One arena: a record that was made on one thread and evicted on another
// leaves room that any thread can use; the threads' own caches keep them from meeting at it. Pages that are
// free for a second go back to the system, so that a compaction's buffers do not count against maxmemory for
// long.
[[gnu::used]] const char* malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";

// Found only in a program that is linked with them.
[[gnu::weak]] int mi_version();
[[gnu::weak]] void mi_collect(bool force);
[[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size, void* value, size_t size);
}

namespace starling::server {

const char* allocator_name() {
  if (mi_version != nullptr) return "mimalloc";
  return mallctl != nullptr ? "jemalloc" : "libc";
}

std::optional<AllocatorFigures> allocator_figures() {
  if (mallctl == nullptr) return std::nullopt;
  // The figures are those of the last time that this was written.
  uint64_t epoch = 1;
  if (mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch)) != 0) return std::nullopt;
  size_t values[3] = {};
  size_t* value = values;
  for (const char* name : {"stats.allocated", "stats.active", "stats.resident"}) {
    size_t size = sizeof(*value);
    if (mallctl(name, value++, &size, nullptr, 0) != 0) return std::nullopt;
  }
  return AllocatorFigures{values[0], values[1], values[2]};
}

void start_releasing_memory() {
  bool enabled = true;
  if (mallctl != nullptr) (void)mallctl("background_thread", nullptr, nullptr, &enabled, sizeof(enabled));
}

void purge_free_pages() {
  // 4096 stands for all arenas.
  if (mallctl != nullptr) (void)mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

void release_free_memory() {
  purge_free_pages();
  if (mi_collect != nullptr) mi_collect(true);
  ::malloc_trim(0);
}

}  // namespace starling::server
