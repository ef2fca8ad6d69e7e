#include "server/metrics/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

namespace starling::server {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessorTimes processor_times() {
  rusage own{}, children{};
  ::getrusage(RUSAGE_SELF, &own);
  ::getrusage(RUSAGE_CHILDREN, &children);
  return {.system_seconds = seconds(own.ru_stime),
          .user_seconds = seconds(own.ru_utime),
          .children_system_seconds = seconds(children.ru_stime),
          .children_user_seconds = seconds(children.ru_utime)};
}

uint64_t machine_memory_bytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace starling::server
