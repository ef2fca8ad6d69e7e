#include "server/execute/script/running_scripts.h"

#include <algorithm>

namespace starling::server {

int64_t RunningScripts::longest_us() const {
  const int64_t now_us = clock_.monotonic_us();
  int64_t longest_us = 0;
  for (const Slot& slot : slots_) {
    const int64_t since_us = slot.since_us.load(std::memory_order_relaxed);
    if (since_us != kIdle) longest_us = std::max(longest_us, now_us - since_us);
  }
  return longest_us;
}

RunningScripts::Killed RunningScripts::kill() {
  const int64_t now_us = clock_.monotonic_us();
  Killed killed = Killed::kNone;
  for (Slot& slot : slots_) {
    const int64_t since_us = slot.since_us.load(std::memory_order_relaxed);
    if (since_us == kIdle || now_us - since_us < kSlowUs) continue;
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
