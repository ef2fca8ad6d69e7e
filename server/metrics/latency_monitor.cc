#include "server/metrics/latency_monitor.h"

#include <algorithm>

namespace starling::server {
namespace {

// Redis's names where the event is Redis's.
constexpr std::array<std::string_view, kLatencyEvents> kNames = {
    "command", "fast-command", "aof-write", "aof-fsync-always", "fsync", "expire-cycle", "checkpoint"};

}  // namespace

std::string_view latency_event_name(LatencyEvent event) {
  return kNames[static_cast<size_t>(event)];
}

std::optional<LatencyEvent> find_latency_event(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<LatencyEvent>(found - kNames.begin());
}

void LatencyMonitor::add(LatencyEvent event, int64_t time_s, int64_t latency_ms, int64_t threshold_ms) {
  if (threshold_ms == 0 || latency_ms < threshold_ms) return;
  std::lock_guard lock(mutex_);
  Record& record = records_[static_cast<size_t>(event)];
  record.max_ms = std::max(record.max_ms, latency_ms);
  if (!record.samples.empty() && record.samples.back().time_s == time_s) {
    record.samples.back().latency_ms = std::max(record.samples.back().latency_ms, latency_ms);
    return;
  }
  record.samples.push_back({time_s, latency_ms});
  if (record.samples.size() > kMaxSamples) record.samples.pop_front();
}

std::optional<LatencyMonitor::History> LatencyMonitor::history(LatencyEvent event) const {
  std::lock_guard lock(mutex_);
  const Record& record = records_[static_cast<size_t>(event)];
  if (record.samples.empty()) return std::nullopt;
  return History{event, record.max_ms, {record.samples.begin(), record.samples.end()}};
}

std::vector<LatencyMonitor::History> LatencyMonitor::all() const {
  std::vector<History> found;
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    if (auto recorded = history(static_cast<LatencyEvent>(i))) found.push_back(std::move(*recorded));
  }
  return found;
}

bool LatencyMonitor::reset(LatencyEvent event) {
  std::lock_guard lock(mutex_);
  Record& record = records_[static_cast<size_t>(event)];
  const bool any = !record.samples.empty();
  record = {};
  return any;
}

}  // namespace starling::server
