#include "server/metrics/statistics.h"

namespace starling::server {

void CommandCounters::reset() {
  for (Counter* counter : {&calls, &cycles, &rejected, &failed}) counter->set(0);
  for (Counter& bucket : latency) bucket.set(0);
}

void LoopStatistics::reset() {
  for (CommandCounters& command : commands) command.reset();
  for (Counter* counter : {&commands_processed, &input_bytes, &output_bytes, &reads, &writes, &passes}) {
    counter->set(0);
  }
}

void ErrorCounters::count(std::string_view error) {
  const std::string_view prefix = error.substr(0, error.find_first_of(" \r"));
  total_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(prefix);
  if (found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < kMaxPrefixes) {
    counts_.emplace(prefix, 1);
  }
}

std::map<std::string, uint64_t> ErrorCounters::snapshot() const {
  std::lock_guard lock(mutex_);
  return {counts_.begin(), counts_.end()};
}

void ErrorCounters::reset() {
  std::lock_guard lock(mutex_);
  counts_.clear();
  total_.store(0, std::memory_order_relaxed);
}

}  // namespace starling::server
