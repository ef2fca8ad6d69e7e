// Which loops run a script, since when, and whether somebody wants it ended. Any thread.
//
// A script holds the stripes of its keys. For a moment others wait for them as for any command's. When it is slow,
// they turn away from a stripe that is taken, to serve their other clients, and try again; when it is busy (longer
// than busy-reply-threshold) clients are told BUSY, as Redis does. That it is one or the other is found by the clock,
// whatever the script does meanwhile: it may be in a call that looks at nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/clock.h"

namespace starling::server {

class RunningScripts {
 public:
  enum class Killed { kYes, kNone, kNotNow };

  // From then on others do not wait for a script's stripes.
  static constexpr int64_t kSlowUs = 10'000;

  // The clock outlives it.
  RunningScripts(size_t loops, const engine::Clock& clock) : clock_(clock), slots_(loops) {}

  // --- By the loop that runs one.
  void begin(size_t loop) {
    Slot& slot = slots_[loop];
    slot.kill.store(false, std::memory_order_relaxed);
    slot.lasting.store(false, std::memory_order_relaxed);
    slot.since_us.store(clock_.monotonic_us(), std::memory_order_relaxed);
    running_.fetch_add(1, std::memory_order_relaxed);
  }
  void end(size_t loop) {
    slots_[loop].since_us.store(kIdle, std::memory_order_relaxed);
    running_.fetch_sub(1, std::memory_order_relaxed);
  }
  // Precondition: it runs one.
  int64_t elapsed_us(size_t loop) const {
    return clock_.monotonic_us() - slots_[loop].since_us.load(std::memory_order_relaxed);
  }
  // What it has changed cannot be taken back.
  void set_lasting(size_t loop) { slots_[loop].lasting.store(true, std::memory_order_relaxed); }
  bool kill_wanted(size_t loop) const {
    return ending() || slots_[loop].kill.load(std::memory_order_relaxed);
  }
  // The process ends, and with it each script, whatever it has changed.
  bool ending() const { return ending_.load(std::memory_order_relaxed); }

  // --- By all others.
  bool any_slow() const { return any() && longest_us() >= kSlowUs; }
  // `threshold_ms` is 0: none is ever.
  bool any_busy(int64_t threshold_ms) const {
    return any() && threshold_ms != 0 && longest_us() >= threshold_ms * 1000;
  }
  // SCRIPT KILL: of all that are slow. kNotNow: there is none but such as cannot be taken back.
  Killed kill();
  // The process ends: those that run, and those that begin from now on.
  void end_all() { ending_.store(true, std::memory_order_relaxed); }

 private:
  static constexpr int64_t kIdle = -1;
  struct alignas(64) Slot {
    std::atomic<int64_t> since_us{kIdle};
    std::atomic<bool> kill{false}, lasting{false};
  };

  bool any() const { return running_.load(std::memory_order_relaxed) != 0; }
  // For how long the one runs that has run for longest.
  int64_t longest_us() const;

  const engine::Clock& clock_;
  std::vector<Slot> slots_;
  std::atomic<int> running_{0};
  std::atomic<bool> ending_{false};
};

}  // namespace starling::server
