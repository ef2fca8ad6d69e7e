// Which loops run a script, since when, and whether somebody wants it ended. Any thread.
//
// A script holds the stripes of its keys. For a moment others wait for them as for any command's. When it is slow,
// they turn away from a stripe that is taken, to serve their other clients, and try again; when it is busy (longer
// than busy-reply-threshold) clients are told BUSY, as Redis does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace starling::server {

class RunningScripts {
 public:
  enum class Killed { kYes, kNone, kNotNow };

  explicit RunningScripts(size_t loops) : slots_(loops) {}

  // --- By the loop that runs one.
  void begin(size_t loop) {
    Slot& slot = slots_[loop];
    slot.state.store(kRuns, std::memory_order_relaxed);
    slot.kill.store(false, std::memory_order_relaxed);
    slot.lasting.store(false, std::memory_order_relaxed);
    running_.fetch_add(1, std::memory_order_relaxed);
  }
  void end(size_t loop);
  void set_slow(size_t loop);
  void set_busy(size_t loop);
  // What it has changed cannot be taken back.
  void set_lasting(size_t loop) { slots_[loop].lasting.store(true, std::memory_order_relaxed); }
  bool kill_wanted(size_t loop) const {
    return ending() || slots_[loop].kill.load(std::memory_order_relaxed);
  }
  // The process ends, and with it each script, whatever it has changed.
  bool ending() const { return ending_.load(std::memory_order_relaxed); }

  // --- By all others.
  bool any() const { return running_.load(std::memory_order_relaxed) != 0; }
  bool any_slow() const { return slow_.load(std::memory_order_relaxed) != 0; }
  bool any_busy() const { return busy_.load(std::memory_order_relaxed) != 0; }
  // SCRIPT KILL: of all that are slow. kNotNow: there is none but such as cannot be taken back.
  Killed kill();
  // The process ends: those that run, and those that begin from now on.
  void end_all() { ending_.store(true, std::memory_order_relaxed); }

 private:
  enum State : int { kIdle, kRuns, kSlow, kBusy };
  struct alignas(64) Slot {
    std::atomic<int> state{kIdle};
    std::atomic<bool> kill{false}, lasting{false};
  };

  std::vector<Slot> slots_;
  std::atomic<int> running_{0}, slow_{0}, busy_{0};
  std::atomic<bool> ending_{false};
};

}  // namespace starling::server
