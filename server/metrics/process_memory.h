// What the system says this process uses.
#pragma once

#include <cstdint>

namespace starling::server {

// Resident bytes; 0 when the system does not say. Any thread.
uint64_t resident_bytes();

}  // namespace starling::server
