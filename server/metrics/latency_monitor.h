// Events that took longer than latency-monitor-threshold, for LATENCY. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace starling::server {

enum class LatencyEvent {
  kCommand,
  kFastCommand,  // Of a command that is declared fast.
  kCommit,       // Writing one pass's changes to the log.
  kSyncForReplies,
  kSyncInBackground,
  kExpiry,
  kCheckpoint,
};
inline constexpr size_t kLatencyEvents = 7;

std::string_view latency_event_name(LatencyEvent event);
std::optional<LatencyEvent> find_latency_event(std::string_view name);

class LatencyMonitor {
 public:
  struct Sample {
    int64_t time_s;  // Wall clock, seconds since the Unix epoch.
    int64_t latency_ms;
  };
  struct History {
    LatencyEvent event;
    int64_t max_ms;               // Since the last reset.
    std::vector<Sample> samples;  // Oldest first; never empty.
  };

  // Nothing happens when the event is below the threshold or that is 0. Of events in the same second the
  // longest is kept.
  void add(LatencyEvent event, int64_t time_s, int64_t latency_ms, int64_t threshold_ms);
  // Nothing: no such event was recorded.
  std::optional<History> history(LatencyEvent event) const;
  // Of all events that were recorded.
  std::vector<History> all() const;
  // True when there was something to forget.
  bool reset(LatencyEvent event);

 private:
  static constexpr size_t kMaxSamples = 160;
  struct Record {
    int64_t max_ms = 0;
    std::deque<Sample> samples;
  };

  mutable std::mutex mutex_;
  std::array<Record, kLatencyEvents> records_;
};

}  // namespace starling::server
