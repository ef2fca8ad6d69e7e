#include "server/cluster/operation_table.h"

#include <algorithm>
#include <utility>

namespace starling::server {
namespace {

// What an entry takes beside its reply, about.
constexpr size_t kEntryBytes = 96;
constexpr int64_t kSweepMs = 1000;

}  // namespace

void OperationTable::erase(Life& life, absl::btree_map<uint64_t, Entry>::iterator entry) {
  bytes_ -= kEntryBytes + entry->second.reply.size();
  --size_;
  life.entries.erase(entry);
}

// Drops what was answered long ago, and the oldest answers while there are too many.
void OperationTable::make_room(int64_t now_ms) {
  const bool full = bytes_ > limits_.bytes;
  if (!full && now_ms - swept_ms_ < kSweepMs) return;
  swept_ms_ = now_ms;
  for (auto life = lives_.begin(); life != lives_.end();) {
    auto& entries = life->second.entries;
    for (auto entry = entries.begin(); entry != entries.end();) {
      const auto next = std::next(entry);
      const bool old = now_ms - entry->second.at_ms > limits_.keep_ms;
      if (entry->second.done && (old || bytes_ > limits_.bytes / 2 * (full ? 1 : 2))) {
        life->second.forgotten_below = std::max(life->second.forgotten_below, entry->first + 1);
        erase(life->second, entry);
        entry = entries.lower_bound(life->second.forgotten_below);
        continue;
      }
      entry = next;
    }
    const bool gone = entries.empty() && now_ms - life->second.last_ms > 2 * limits_.keep_ms;
    if (gone) {
      lives_.erase(life++);
    } else {
      ++life;
    }
  }
}

OperationTable::Answer OperationTable::begin(const OperationId& id, uint64_t settled, bool repeated,
                                             int64_t now_ms, const Again& again) {
  std::string reply;
  {
    std::lock_guard lock(mutex_);
    make_room(now_ms);
    Life& life = lives_[id.life];
    life.last_ms = now_ms;
    life.settled = std::max(life.settled, settled);
    while (!life.entries.empty() && life.entries.begin()->first < settled &&
           life.entries.begin()->second.done) {
      erase(life, life.entries.begin());
    }
    const auto found = life.entries.find(id.number);
    if (found == life.entries.end()) {
      const bool late = id.number < life.settled;
      if (late || (repeated && id.number < life.forgotten_below)) return Answer::kUncertain;
      life.entries[id.number].at_ms = now_ms;
      ++size_;
      bytes_ += kEntryBytes;
      return Answer::kNew;
    }
    if (!found->second.done) {
      found->second.waiting.push_back(again);
      return Answer::kRepeated;
    }
    reply = found->second.reply;
  }
  again(reply);
  return Answer::kRepeated;
}

void OperationTable::finish(const OperationId& id, std::string_view reply, int64_t now_ms) {
  std::vector<Again> waiting;
  {
    std::lock_guard lock(mutex_);
    const auto life = lives_.find(id.life);
    if (life == lives_.end()) return;
    const auto found = life->second.entries.find(id.number);
    if (found == life->second.entries.end() || found->second.done) return;
    found->second.done = true;
    found->second.at_ms = now_ms;
    found->second.reply = reply;
    bytes_ += reply.size();
    waiting.swap(found->second.waiting);
  }
  for (const Again& again : waiting) again(reply);
}

void OperationTable::forget(const OperationId& id) {
  std::vector<Again> waiting;
  {
    std::lock_guard lock(mutex_);
    const auto life = lives_.find(id.life);
    if (life == lives_.end()) return;
    const auto found = life->second.entries.find(id.number);
    if (found == life->second.entries.end()) return;
    waiting.swap(found->second.waiting);
    life->second.forgotten_below = std::max(life->second.forgotten_below, id.number + 1);
    erase(life->second, found);
  }
  for (const Again& again : waiting) again({});
}

size_t OperationTable::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

size_t OperationTable::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace starling::server
