// What the log says at start: what runs here, and what about it is unsafe.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/process/log.h"
#include "server/settings.h"

namespace starling::server {

// What the machine gives the process.
struct Environment {
  int64_t process_id = 0;
  bool runs_as_root = false;
  int64_t open_files = 0;      // RLIMIT_NOFILE, soft.
  int64_t memory_bytes = 0;    // Of the machine or the memory cgroup, the lesser. 0: not known.
  int overcommit = 1;          // vm.overcommit_memory. 2: allocations fail above a limit.
  int64_t listen_backlog = 0;  // net.core.somaxconn. 0: not known.
};

Environment read_environment();

using LogLine = std::pair<LogLevel, std::string>;

// The notices, then the warnings.
std::vector<LogLine> banner(const Settings& settings, const Environment& environment);

// What to say of a maxmemory below what the process takes beside records: that it will not be kept. Empty for
// any other.
std::string warning_of_low_maxmemory(const Settings& settings);

// Writes the banner to the log.
void log_banner(const Settings& settings);

}  // namespace starling::server
