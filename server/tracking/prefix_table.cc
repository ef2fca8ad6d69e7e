#include "server/tracking/prefix_table.h"

#include <algorithm>
#include <mutex>

namespace starling::server {

void PrefixTable::add(std::string_view prefix, const Tracker& tracker) {
  std::lock_guard lock(mutex_);
  const auto [at, added] = trackers_.try_emplace(std::string(prefix));
  std::vector<Tracker>& trackers = at->second;
  if (added) {
    ++lengths_[prefix.size()];
    size_.store(trackers_.size(), std::memory_order_relaxed);
  } else if (std::find(trackers.begin(), trackers.end(), tracker) != trackers.end()) {
    return;
  }
  const auto place = std::upper_bound(trackers.begin(), trackers.end(), tracker,
                                      [](const Tracker& a, const Tracker& b) { return a.loop < b.loop; });
  trackers.insert(place, tracker);
}

void PrefixTable::remove(std::string_view prefix, const Tracker& tracker) {
  std::lock_guard lock(mutex_);
  const auto found = trackers_.find(std::string(prefix));
  if (found == trackers_.end()) return;
  std::erase(found->second, tracker);
  if (!found->second.empty()) return;
  trackers_.erase(found);
  size_.store(trackers_.size(), std::memory_order_relaxed);
  const auto length = lengths_.find(prefix.size());
  if (--length->second == 0) lengths_.erase(length);
}

void PrefixTable::match(std::string_view key,
                        absl::FunctionRef<void(std::string_view prefix, uint32_t loop)> tell) const {
  std::shared_lock lock(mutex_);
  for (const auto& [length, count] : lengths_) {
    if (length > key.size()) return;
    const std::string_view prefix = key.substr(0, length);
    const auto found = trackers_.find(std::string(prefix));
    if (found == trackers_.end()) continue;
    const std::vector<Tracker>& trackers = found->second;
    for (size_t i = 0; i < trackers.size(); ++i) {
      if (i == 0 || trackers[i].loop != trackers[i - 1].loop) tell(prefix, trackers[i].loop);
    }
  }
}

std::vector<Tracker> PrefixTable::trackers(std::string_view prefix, uint32_t loop) const {
  std::shared_lock lock(mutex_);
  std::vector<Tracker> found;
  const auto at = trackers_.find(std::string(prefix));
  if (at == trackers_.end()) return found;
  for (const Tracker& tracker : at->second) {
    if (tracker.loop == loop) found.push_back(tracker);
  }
  return found;
}

}  // namespace starling::server
