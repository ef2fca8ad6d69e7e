// commandstats, errorstats and latencystats.
#include "server/info/sections.h"
#include "server/metrics/cycle_clock.h"
#include "server/metrics/latency_histogram.h"
#include "server/server.h"

namespace starling::server {

void write_command_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Commandstats");
  for (const auto& command : context.server.commands().all()) {
    const CommandTotals totals = context.server.totals(command->id);
    if (totals.calls + totals.rejected + totals.failed == 0) continue;
    const uint64_t microseconds = cycles_to_microseconds(totals.cycles);
    const double each =
        totals.calls == 0 ? 0 : static_cast<double>(microseconds) / static_cast<double>(totals.calls);
    writer.field("cmdstat_" + command->full_name,
                 "calls=" + std::to_string(totals.calls) + ",usec=" + std::to_string(microseconds) +
                     ",usec_per_call=" + decimal(each, 2) + ",rejected_calls=" +
                     std::to_string(totals.rejected) + ",failed_calls=" + std::to_string(totals.failed));
  }
}

void write_error_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Errorstats");
  for (const auto& [prefix, count] : context.server.errors().snapshot()) {
    writer.field("errorstat_" + prefix, "count=" + std::to_string(count));
  }
}

void write_latency_section(InfoContext& context, InfoWriter& writer) {
  writer.section("Latencystats");
  for (const auto& command : context.server.commands().all()) {
    const CommandTotals totals = context.server.totals(command->id);
    if (totals.calls == 0) continue;
    std::string text;
    for (const auto& [name, fraction] : {std::pair{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}}) {
      if (!text.empty()) text += ',';
      text += std::string(name) + "=" +
              decimal(static_cast<double>(latency_percentile(totals.latency, fraction)), 3);
    }
    writer.field("latency_percentiles_usec_" + command->full_name, text);
  }
}

}  // namespace starling::server
