// How long an answer is waited for: its time from when it was asked for; and longer, as long as what is large is on its
// way, or takes its work at the other end. Plain arithmetic.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace starling::cluster {

// What a request may take, beyond its time, at a node that has other things to do as well: it is copied, logged and
// written at some 16 MB a second, 16 keys a millisecond. Nothing for what is usual.
inline int64_t work_us(size_t bytes, size_t keys) {
  constexpr size_t kUsualBytes = 1 << 20;
  constexpr size_t kUsualKeys = 1 << 10;
  return (bytes > kUsualBytes ? static_cast<int64_t>(bytes / 16) : 0) +
         (keys > kUsualKeys ? static_cast<int64_t>(keys) * 60 : 0);
}

struct Patience {
  int64_t moved_us = 0;   // When a part of the request last left, or of its answer came.
  int64_t longer_us = 0;  // For work, and for moments in which the waiting loop itself stood still.

  void note_moved(int64_t now_us) { moved_us = std::max(moved_us, now_us); }
  int64_t until_us(int64_t began_us, int64_t timeout_us) const {
    return std::max(began_us, moved_us) + timeout_us + longer_us;
  }
};

}  // namespace starling::cluster
