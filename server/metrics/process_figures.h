// What the operating system says of this process. Any thread.
#pragma once

#include <cstdint>

namespace starling::server {

struct ProcessorTimes {
  double system_seconds = 0, user_seconds = 0;
  double children_system_seconds = 0, children_user_seconds = 0;
};
ProcessorTimes processor_times();

uint64_t machine_memory_bytes();

}  // namespace starling::server
