#include "server/metrics/latency_report.h"

#include <algorithm>

namespace starling::server {
namespace {

constexpr int64_t kRows = 4;
constexpr size_t kMaxColumns = 80;

std::string age_text(int64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 86400) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string_view cause_of(LatencyEvent event) {
  switch (event) {
    case LatencyEvent::kCommand:
      return "SLOWLOG GET shows which commands they were; those over many elements are better split up.";
    case LatencyEvent::kFastCommand:
      return "Fast commands are slow when the machine is: look for swapping and for other busy processes.";
    case LatencyEvent::kCommit:
      return "The disk takes its time to accept the log: look for other writers on it.";
    case LatencyEvent::kSyncForReplies:
      return "With appendfsync always replies wait for the disk: a faster one helps, or everysec.";
    case LatencyEvent::kSyncInBackground:
      return "No reply waits for it, but a power failure then loses as much more than a second.";
    case LatencyEvent::kExpiry:
      return "Many keys expire at the same time: spread their deadlines.";
    case LatencyEvent::kCheckpoint:
      return "Checkpoints run beside the commands; a long one matters only when writes outrun it.";
  }
  return {};
}

}  // namespace

std::string latency_graph(const LatencyMonitor::History& history, int64_t now_s) {
  const size_t first = history.samples.size() - std::min(history.samples.size(), kMaxColumns);
  int64_t low = INT64_MAX, high = 0;
  for (size_t i = first; i < history.samples.size(); ++i) {
    low = std::min(low, history.samples[i].latency_ms);
    high = std::max(high, history.samples[i].latency_ms);
  }
  std::string text = std::string(latency_event_name(history.event)) + " - high " + std::to_string(high) +
                     " ms, low " + std::to_string(low) + " ms (all time high " +
                     std::to_string(history.max_ms) + " ms)\n" + std::string(kMaxColumns, '-') + "\n";
  size_t label_rows = 0;
  std::vector<std::string> labels;
  for (size_t i = first; i < history.samples.size(); ++i) {
    labels.push_back(age_text(std::max<int64_t>(0, now_s - history.samples[i].time_s)));
    label_rows = std::max(label_rows, labels.back().size());
  }
  for (int64_t row = kRows; row > 0; --row) {
    for (size_t i = first; i < history.samples.size(); ++i) {
      const int64_t range = std::max<int64_t>(1, high - low);
      const int64_t height = 1 + (history.samples[i].latency_ms - low) * (kRows - 1) / range;
      text += height == row ? '#' : height > row ? '|' : ' ';
    }
    text += '\n';
  }
  text += '\n';
  for (size_t row = 0; row < label_rows; ++row) {
    for (const std::string& label : labels) text += row < label.size() ? label[row] : ' ';
    text += '\n';
  }
  return text;
}

std::string latency_advice(const std::vector<LatencyMonitor::History>& histories, int64_t threshold_ms) {
  if (threshold_ms == 0 && histories.empty()) {
    return "Nothing is recorded: CONFIG SET latency-monitor-threshold <milliseconds> begins to.\n";
  }
  if (histories.empty()) {
    return "No event took " + std::to_string(threshold_ms) + " ms or more.\n";
  }
  std::string text;
  for (const LatencyMonitor::History& history : histories) {
    int64_t sum_ms = 0;
    for (const auto& sample : history.samples) sum_ms += sample.latency_ms;
    const auto count = static_cast<int64_t>(history.samples.size());
    text += std::string(latency_event_name(history.event)) + ": " + std::to_string(count) +
            " samples, on average " + std::to_string(sum_ms / count) + " ms, at most " +
            std::to_string(history.max_ms) + " ms. " + std::string(cause_of(history.event)) + "\n";
  }
  return text;
}

}  // namespace starling::server
