// Issues the stamps of one actor. See README.md, "Versions".
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/dot.h"
#include "engine/base/status.h"

namespace starling::engine {

// How far ahead of this node's clock a peer's stamp may be. Far more than machines under NTP differ by, or
// than one that was frozen (a migrated virtual machine) lags until NTP has stepped it; far less than the
// usual gross errors, a time zone or a reset date. Whatever is let in can never be taken back: the clock only
// goes forward.
inline constexpr int64_t kDefaultMaxDriftMs = 60'000;

// Every stamp is greater than all that were issued, observed or restored before: max(now << 16, last + 1).
// More than 65536 stamps in a millisecond borrow from the milliseconds to come. All members: any thread, one
// atomic, no system call; the time is the caller's, from the Clock seam.
class HybridClock {
 public:
  explicit HybridClock(int64_t max_drift_ms = kDefaultMaxDriftMs) : max_drift_ms_(max_drift_ms) {}

  // Never 0, never the same twice.
  Stamp next(int64_t now_ms) {
    const Stamp now = stamp_at(now_ms);
    Stamp last = last_.load(std::memory_order_relaxed);
    while (last < now) {
      if (last_.compare_exchange_weak(last, now, std::memory_order_relaxed)) return now;
    }
    return last_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  // Makes every later stamp greater than `remote`, so that an answer to a message is later than the message.
  // More than the permitted drift ahead: nothing is changed, and it is kInvalid, so what carries it must not be
  // applied, unless the clock trusts (below).
  Status observe(Stamp remote, int64_t now_ms);
  // The same without words: false stands for kInvalid.
  [[nodiscard]] bool try_observe(Stamp remote, int64_t now_ms) {
    if (stamp_wall_ms(remote) - now_ms > max_drift_ms_) return trusting_.load(std::memory_order_relaxed);
    raise(remote);
    return true;
  }
  // While this node does not know what time it is, it cannot know better than its peers: it takes any stamp. It
  // is not raised by those that are far ahead: they may be as wrong as its own clock.
  void trust(bool all) { trusting_.store(all, std::memory_order_relaxed); }

  // Of events that somebody has seen and that are superseded, or of earlier actors of this node: later stamps
  // are greater than these, too, up to half of what is permitted, so that peers still take those to come. Those
  // beyond were made by a clock that was wrong.
  void witness(Stamp seen, int64_t now_ms) {
    const Stamp latest = stamp_at(now_ms + max_drift_ms_ / 2);
    raise(seen < latest ? seen : latest);
  }

  // For stamps of this node itself, however far ahead: from the clean stop's mark or from recovered records.
  void restore(Stamp last) { raise(last); }

  // The greatest stamp issued, observed or restored. 0 before any.
  Stamp last() const { return last_.load(std::memory_order_relaxed); }

 private:
  void raise(Stamp floor) {
    Stamp last = last_.load(std::memory_order_relaxed);
    while (last < floor && !last_.compare_exchange_weak(last, floor, std::memory_order_relaxed)) {
    }
  }

  std::atomic<Stamp> last_{0};
  std::atomic<bool> trusting_{false};
  const int64_t max_drift_ms_;
};

}  // namespace starling::engine
