#include "server/metrics/pulse.h"

#include "server/metrics/memory_report.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr uint64_t kBeatsBetweenLooks = 5;

}  // namespace

void Pulse::begin(Server& server) {
  startup_bytes_ = report_memory(server).used_bytes;
  checkpoints_seen_ = server.engine().statistics().checkpoints;
  if (server.engine().options().durable) disk_usage_.look(server.settings().directory);
}

void Pulse::beat(Server& server) {
  uint64_t command_total = 0, input_total = 0, output_total = 0;
  for (const auto& io_thread : server.io_threads()) {
    const LoopStatistics& statistics = io_thread->statistics();
    command_total += statistics.commands_processed.get();
    input_total += statistics.input_bytes.get();
    output_total += statistics.output_bytes.get();
  }
  const int64_t now_us = server.clock().monotonic_us();
  commands.sample(command_total, now_us);
  input_bytes.sample(input_total, now_us);
  output_bytes.sample(output_total, now_us);
  report_memory(server);
  if (++beats_ % kBeatsBetweenLooks == 0 && server.engine().options().durable && !looking_.exchange(true)) {
    server.engine().offload([this, directory = server.settings().directory] {
      disk_usage_.look(directory);
      looking_.store(false);
    });
  }
  const engine::Statistics statistics = server.engine().statistics();
  if (statistics.checkpoints != checkpoints_seen_) {
    checkpoints_seen_ = statistics.checkpoints;
    server.latency().add(LatencyEvent::kCheckpoint, server.clock().wall_ms() / 1000,
                         statistics.last_checkpoint_duration_ms, server.settings().latency_threshold_ms);
  }
}

uint64_t Pulse::raise_memory_peak(uint64_t used_bytes) {
  uint64_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (peak < used_bytes && !peak_bytes_.compare_exchange_weak(peak, used_bytes)) {
  }
  return std::max(peak, used_bytes);
}

}  // namespace starling::server
