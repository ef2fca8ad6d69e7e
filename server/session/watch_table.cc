#include "server/session/watch_table.h"

#include <algorithm>

#include "engine/base/key.h"

namespace starling::server {

WatchTable::Shard& WatchTable::shard_of(int database, std::string_view key) {
  return shards_[(engine::hash_of(key) + static_cast<uint64_t>(database)) % kShards];
}

void WatchTable::watch(int database, std::string_view key, bool existed,
                       const std::shared_ptr<WatchState>& state) {
  Shard& shard = shard_of(database, key);
  std::lock_guard lock(shard.mutex);
  shard.watchers[{database, std::string(key)}].push_back({state, existed});
  watches_.fetch_add(1, std::memory_order_release);
}

void WatchTable::unwatch(int database, std::string_view key, const WatchState* state) {
  Shard& shard = shard_of(database, key);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.watchers.find({database, std::string(key)});
  if (found == shard.watchers.end()) return;
  const size_t removed =
      std::erase_if(found->second, [state](const Watcher& watcher) { return watcher.state.get() == state; });
  if (found->second.empty()) shard.watchers.erase(found);
  watches_.fetch_sub(removed, std::memory_order_release);
}

void WatchTable::touch_watchers(int database, std::string_view key) {
  Shard& shard = shard_of(database, key);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.watchers.find({database, std::string(key)});
  if (found == shard.watchers.end()) return;
  for (const Watcher& watcher : found->second) watcher.state->dirty.store(true, std::memory_order_relaxed);
}

void WatchTable::flushed(int database) {
  if (watches_.load(std::memory_order_acquire) == 0) return;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (const auto& [name, watchers] : shard.watchers) {
      if (name.first != database) continue;
      for (const Watcher& watcher : watchers) {
        if (watcher.existed) watcher.state->dirty.store(true, std::memory_order_relaxed);
      }
    }
  }
}

std::vector<std::string> WatchTable::keys_of(int database) {
  std::vector<std::string> keys;
  if (watches_.load(std::memory_order_acquire) == 0) return keys;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (const auto& [name, watchers] : shard.watchers) {
      if (name.first == database) keys.push_back(name.second);
    }
  }
  return keys;
}

}  // namespace starling::server
