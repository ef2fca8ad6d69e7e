#include "server/execute/wait_table.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/key.h"

namespace starling::server {
namespace {

template <typename Lines>
auto line_of(Lines& lines, engine::Type type) {
  return std::find_if(lines.begin(), lines.end(), [type](const auto& line) { return line.first == type; });
}

}  // namespace

WaitTable::Shard& WaitTable::shard_of(int database, std::string_view key) const {
  return shards_[(engine::hash_of(key) + static_cast<uint64_t>(database)) % kShards];
}

void WaitTable::join(const std::shared_ptr<const Waiter>& waiter) {
  for (const auto& name : waiter->keys) {
    Shard& shard = shard_of(name.first, name.second);
    std::lock_guard lock(shard.mutex);
    Lines& lines = shard.keys[name];
    auto line = line_of(lines, waiter->type);
    if (line == lines.end()) line = lines.insert(line, {waiter->type, Line()});
    const bool joined = line->second.places.emplace(waiter->order(), Place{waiter}).second;
    STARLING_ASSERT(joined);
    ++line->second.resting;
    waits_.fetch_add(1, std::memory_order_release);
  }
}

void WaitTable::wake(engine::Type type, Line& line) {
  if (line.resting == 0) return;
  for (auto& [order, place] : line.places) {
    if (!place.woken) {
      place.woken = true;
      --line.resting;
      place.waiter->wake();
    }
    if (type != engine::Type::kStream) return;
  }
}

void WaitTable::wake_first(int database, std::string_view key) {
  Shard& shard = shard_of(database, key);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.keys.find({database, std::string(key)});
  if (found == shard.keys.end()) return;
  for (auto& [type, line] : found->second) wake(type, line);
}

void WaitTable::changed_all(int database) {
  if (waits_.load(std::memory_order_acquire) == 0) return;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (auto& [name, lines] : shard.keys) {
      if (name.first != database) continue;
      for (auto& [type, line] : lines) wake(type, line);
    }
  }
}

void WaitTable::settle(const Waiter& waiter, bool leaves) {
  for (const auto& name : waiter.keys) {
    Shard& shard = shard_of(name.first, name.second);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.keys.find(name);
    STARLING_ASSERT(found != shard.keys.end());
    const auto line = line_of(found->second, waiter.type);
    STARLING_ASSERT(line != found->second.end());
    const auto place = line->second.places.find(waiter.order());
    STARLING_ASSERT(place != line->second.places.end());
    const bool woken = std::exchange(place->second.woken, false);
    if (woken) ++line->second.resting;
    if (!leaves) continue;
    --line->second.resting;
    line->second.places.erase(place);
    waits_.fetch_sub(1, std::memory_order_release);
    if (woken && waiter.type != engine::Type::kStream) wake(waiter.type, line->second);
    if (line->second.places.empty()) found->second.erase(line);
    if (found->second.empty()) shard.keys.erase(found);
  }
}

bool WaitTable::has_ahead(int database, std::string_view key, engine::Type type,
                          std::pair<int64_t, uint64_t> order, uint64_t count) const {
  if (waits_.load(std::memory_order_acquire) == 0) return false;
  Shard& shard = shard_of(database, key);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.keys.find({database, std::string(key)});
  if (found == shard.keys.end()) return false;
  const auto line = line_of(found->second, type);
  if (line == found->second.end()) return false;
  const auto& places = line->second.places;
  for (auto place = places.begin(); place != places.end() && place->first < order; ++place) {
    if (count-- <= 1) return true;
  }
  return false;
}

}  // namespace starling::server
