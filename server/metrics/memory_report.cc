#include "server/metrics/memory_report.h"

#include "server/metrics/process_memory.h"
#include "server/server.h"

namespace starling::server {

MemoryReport report_memory(Server& server) {
  const engine::Statistics statistics = server.engine().statistics();
  MemoryReport report;
  report.record_bytes = statistics.memory_bytes;
  report.dirty_bytes = statistics.dirty_bytes;
  report.budget_bytes = statistics.budget_bytes;
  report.store_bytes = statistics.store_memory_bytes;
  for (const auto& io_thread : server.io_threads()) {
    report.client_bytes += io_thread->statistics().client_bytes.get();
  }
  report.used_bytes = report.record_bytes + report.store_bytes + report.client_bytes;
  report.resident_bytes = server::resident_bytes();
  report.startup_bytes = server.pulse().startup_bytes();
  report.peak_bytes = server.pulse().raise_memory_peak(report.used_bytes);
  return report;
}

}  // namespace starling::server
