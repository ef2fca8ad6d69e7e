#include "server/tracking/tracking_table.h"

#include <algorithm>
#include <utility>

#include "engine/base/key.h"

namespace starling::server {

void TrackingTable::add(std::string_view key, const Tracker& tracker, Tell tell) {
  Trackers out;
  {
    Shard& shard = shards_[engine::hash_of(key) % kShards];
    std::lock_guard lock(shard.mutex);
    add(shard, key, tracker, &out);
  }
  for (const Tracker& each : out) tell(each, key);
}

// The shard is locked.
void TrackingTable::add(Shard& shard, std::string_view key, const Tracker& tracker, Trackers* out) {
  const auto [at, added] = shard.entries.try_emplace(std::string(key));
  Entry& entry = at->second;
  if (added) {
    entry.place = shard.order.size();
    shard.order.push_back(&*at);
    keys_.fetch_add(1, std::memory_order_relaxed);
  } else if (std::find(entry.trackers.begin(), entry.trackers.end(), tracker) != entry.trackers.end()) {
    return;
  }
  // Many of them may be gone since: nobody takes those out of a key that never changes.
  if (entry.trackers.size() >= kMostTrackers) {
    items_.fetch_sub(entry.trackers.size(), std::memory_order_relaxed);
    out->swap(entry.trackers);
  }
  entry.trackers.push_back(tracker);
  items_.fetch_add(1, std::memory_order_relaxed);
}

// The shard is locked. What it returns had its last place there.
TrackingTable::Trackers TrackingTable::remove(Shard& shard, Map::iterator entry) {
  Trackers trackers = std::move(entry->second.trackers);
  const size_t place = entry->second.place;
  shard.order[place] = shard.order.back();
  shard.order[place]->second.place = place;
  shard.order.pop_back();
  shard.entries.erase(entry);
  keys_.fetch_sub(1, std::memory_order_relaxed);
  items_.fetch_sub(trackers.size(), std::memory_order_relaxed);
  return trackers;
}

void TrackingTable::take(std::string_view key, Tell tell) {
  Shard& shard = shards_[engine::hash_of(key) % kShards];
  Trackers trackers;
  {
    std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(std::string(key));
    if (found == shard.entries.end()) return;
    trackers = remove(shard, found);
  }
  for (const Tracker& tracker : trackers) tell(tracker, key);
}

void TrackingTable::take_any(uint64_t random, Tell tell) {
  for (size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[(random + i) % kShards];
    std::string key;
    Trackers trackers;
    {
      std::lock_guard lock(shard.mutex);
      if (shard.order.empty()) continue;
      key = shard.order[random / kShards % shard.order.size()]->first;
      trackers = remove(shard, shard.entries.find(key));
    }
    for (const Tracker& tracker : trackers) tell(tracker, key);
    return;
  }
}

void TrackingTable::clear() {
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    size_t items = 0;
    for (const auto& [key, entry] : shard.entries) items += entry.trackers.size();
    keys_.fetch_sub(shard.entries.size(), std::memory_order_relaxed);
    items_.fetch_sub(items, std::memory_order_relaxed);
    shard.order.clear();
    shard.entries.clear();
  }
}

}  // namespace starling::server
