// Where the memory goes: for INFO memory and MEMORY STATS.
#pragma once

#include <cstdint>

namespace starling::server {

class Server;

struct MemoryReport {
  uint64_t used_bytes = 0;      // Records, tables, the store's caches and clients' buffers.
  uint64_t peak_bytes = 0;      // The most it ever was when somebody looked, which is once a second at least.
  uint64_t resident_bytes = 0;  // As the system sees it.
  uint64_t record_bytes = 0;
  uint64_t dirty_bytes = 0;   // Of those, waiting for a checkpoint.
  uint64_t budget_bytes = 0;  // What records may take now; 0: no limit.
  uint64_t store_bytes = 0;
  uint64_t client_bytes = 0;
  uint64_t startup_bytes = 0;

  uint64_t overhead_bytes() const { return used_bytes - record_bytes; }
  double fragmentation() const {
    return used_bytes == 0 ? 0 : static_cast<double>(resident_bytes) / static_cast<double>(used_bytes);
  }
};

// Updates the peak.
MemoryReport report_memory(Server& server);

}  // namespace starling::server
