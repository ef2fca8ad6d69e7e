#include <algorithm>

#include "server/config.h"
#include "server/info/sections.h"
#include "server/metrics/memory_report.h"
#include "server/metrics/process_figures.h"
#include "server/process/allocator.h"
#include "server/server.h"

namespace starling::server {
namespace {

std::string percentage(uint64_t part, uint64_t whole) {
  return decimal(whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole), 2) + "%";
}

std::string policy_name(Server& server) {
  constexpr std::string_view kPolicy = "maxmemory-policy";
  const auto found = server.config().get({&kPolicy, 1});
  return found.empty() ? std::string() : found.front().second;
}

void write_share(InfoWriter& writer, const std::string& name, uint64_t whole, uint64_t part) {
  const double ratio = part == 0 ? 0 : static_cast<double>(whole) / static_cast<double>(part);
  writer.real(name + "_ratio", ratio);
  writer.field(name + "_bytes", static_cast<int64_t>(whole) - static_cast<int64_t>(part));
}

void write_allocator(uint64_t process_bytes, InfoWriter& writer) {
  const auto figures = allocator_figures();
  if (!figures) return;
  writer.field("allocator_allocated", figures->allocated);
  writer.field("allocator_active", figures->active);
  writer.field("allocator_resident", figures->resident);
  write_share(writer, "allocator_frag", figures->active, figures->allocated);
  write_share(writer, "allocator_rss", figures->resident, figures->active);
  write_share(writer, "rss_overhead", process_bytes, figures->resident);
}

}  // namespace

void write_memory_section(InfoContext& context, InfoWriter& writer) {
  Server& server = context.server;
  const MemoryReport report = report_memory(server);
  writer.section("Memory");
  writer.bytes("used_memory", report.used_bytes);
  writer.bytes("used_memory_rss", report.resident_bytes);
  writer.bytes("used_memory_peak", report.peak_bytes);
  writer.field("used_memory_peak_perc", percentage(report.used_bytes, report.peak_bytes));
  writer.field("used_memory_overhead", report.overhead_bytes());
  writer.field("used_memory_startup", report.startup_bytes);
  writer.field("used_memory_dataset", report.record_bytes);
  writer.field("used_memory_dataset_perc", percentage(report.record_bytes, report.used_bytes));
  write_allocator(report.resident_bytes, writer);
  const auto interpreter_bytes = static_cast<uint64_t>(std::max<int64_t>(0, server.script_memory().bytes()));
  writer.field("used_memory_vm_eval", interpreter_bytes);
  writer.field("used_memory_scripts_eval", server.scripts().bytes());
  writer.field("number_of_cached_scripts", server.scripts().count());
  writer.nothing_of({"number_of_functions", "number_of_libraries", "used_memory_vm_functions"});
  writer.bytes("used_memory_lua", interpreter_bytes);
  writer.bytes("used_memory_vm_total", interpreter_bytes);
  writer.bytes("used_memory_scripts", server.scripts().bytes());
  writer.nothing_of({"used_memory_functions"});
  writer.bytes("total_system_memory", machine_memory_bytes());
  writer.bytes("maxmemory", static_cast<uint64_t>(server.settings().max_memory_bytes.get()));
  writer.field("maxmemory_policy", policy_name(server));
  writer.real("mem_fragmentation_ratio", report.fragmentation());
  writer.field("mem_fragmentation_bytes",
               static_cast<int64_t>(report.resident_bytes) - static_cast<int64_t>(report.used_bytes));
  writer.field("mem_not_counted_for_evict", 0);
  writer.field("mem_replication_backlog", 0);
  writer.field("mem_total_replication_buffers", 0);
  writer.field("mem_clients_slaves", 0);
  writer.field("mem_clients_normal", report.client_bytes);
  writer.field("mem_cluster_links", 0);
  writer.field("mem_aof_buffer", 0);
  writer.field("mem_allocator", allocator_name());
  writer.field("active_defrag_running", 0);
  writer.nothing_of({"lazyfree_pending_objects", "lazyfreed_objects"});
  // Starling's own.
  writer.field("records_memory", report.record_bytes);
  writer.field("records_memory_budget", report.budget_bytes);
  writer.field("records_memory_dirty", report.dirty_bytes);
  writer.field("store_memory", report.store_bytes);
}

}  // namespace starling::server
