#include "server/execute/script/running_scripts.h"

namespace starling::server {

void RunningScripts::end(size_t loop) {
  const int state = slots_[loop].state.exchange(kIdle, std::memory_order_relaxed);
  running_.fetch_sub(1, std::memory_order_relaxed);
  if (state >= kSlow) slow_.fetch_sub(1, std::memory_order_relaxed);
  if (state >= kBusy) busy_.fetch_sub(1, std::memory_order_relaxed);
}

void RunningScripts::set_slow(size_t loop) {
  if (slots_[loop].state.load(std::memory_order_relaxed) >= kSlow) return;
  slots_[loop].state.store(kSlow, std::memory_order_relaxed);
  slow_.fetch_add(1, std::memory_order_relaxed);
}

void RunningScripts::set_busy(size_t loop) {
  set_slow(loop);
  if (slots_[loop].state.load(std::memory_order_relaxed) >= kBusy) return;
  slots_[loop].state.store(kBusy, std::memory_order_relaxed);
  busy_.fetch_add(1, std::memory_order_relaxed);
}

RunningScripts::Killed RunningScripts::kill() {
  Killed killed = Killed::kNone;
  for (Slot& slot : slots_) {
    if (slot.state.load(std::memory_order_relaxed) < kSlow) continue;
    if (slot.lasting.load(std::memory_order_relaxed)) {
      if (killed == Killed::kNone) killed = Killed::kNotNow;
      continue;
    }
    slot.kill.store(true, std::memory_order_relaxed);
    killed = Killed::kYes;
  }
  return killed;
}

}  // namespace starling::server
