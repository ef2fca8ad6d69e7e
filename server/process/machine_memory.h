// How much memory this process may have.
#pragma once

#include <cstdint>

#include "server/settings.h"

namespace starling::server {

// Of the machine, or of the narrowest memory cgroup that the process is in, whichever is less; in bytes.
int64_t memory_available();

// What `maxmemory auto` comes to: of a store that can leave the rest on disk the better part of what there is,
// so that the system's cache of files, clients' buffers and the moments of a checkpoint have room beside it;
// of a cache, which would drop keys, 0 (no limit), as in Redis.
int64_t automatic_max_memory(Storage storage);

}  // namespace starling::server
