// Replies of one client that say something of the commit log: ranges of its output, in their order. CommitGate decides
// when they may leave.
//
// Most live for one pass (appendfsync everysec, no): kept without an allocation for each. Loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/log/commit_log.h"

namespace starling::server {

class LogHolds {
 public:
  // What stands in the range: an answer to a write or to a read, or a message that nobody asked for.
  enum class Kind : uint8_t { kWrite, kRead, kMessage };
  // Of a hold that lasts until the pass is committed; any other position must become durable.
  static constexpr engine::LogPosition kUntilCommit = 0;

  struct Hold {
    uint64_t from, to;  // from < to.
    engine::LogPosition position;
    int64_t deadline_us;  // By the monotonic clock; of those that wait for a position.
    Kind kind;
  };

  bool empty() const { return first_ == holds_.size(); }
  size_t size() const { return holds_.size() - first_; }
  const Hold& front() const { return holds_[first_]; }
  // By place, the first is 0.
  Hold& at(size_t index) { return holds_[first_ + index]; }

  // At its place: nearly always the last one. It overlaps none that is there.
  void add(const Hold& hold) {
    if (empty() || holds_.back().from < hold.from) [[likely]] {
      holds_.push_back(hold);
    } else {
      insert(hold);
    }
    if (hold.position != kUntilCommit) ++waiting_;
  }
  void pop_front();
  void erase(size_t index);
  // The pass is committed: its holds are gone.
  void forget_committed();

  // What stood in [from, to) of the output is `change` bytes longer (or, negative, shorter) now, and something else:
  // holds within it are gone, what follows moves, what reaches around it grows.
  void replaced(uint64_t from, uint64_t to, int64_t change);

 private:
  void insert(const Hold& hold);
  void tidy();

  std::vector<Hold> holds_;  // Those before first_ are gone.
  size_t first_ = 0;
  size_t waiting_ = 0;  // For a position.
};

}  // namespace starling::server
