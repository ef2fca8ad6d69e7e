#include "engine/hybrid_clock.h"

#include <string>

namespace starling::engine {

Status HybridClock::observe(Stamp remote, int64_t now_ms) {
  const int64_t ahead_ms = stamp_wall_ms(remote) - now_ms;
  if (ahead_ms > max_drift_ms_) {
    return Status(StatusCode::kInvalid,
                  "a stamp is " + std::to_string(ahead_ms) + " ms ahead of this node's clock, " +
                      std::to_string(max_drift_ms_) + " ms are permitted; check the clocks of both nodes");
  }
  raise(remote);
  return Status();
}

void HybridClock::raise(Stamp floor) {
  Stamp last = last_.load(std::memory_order_relaxed);
  while (last < floor && !last_.compare_exchange_weak(last, floor, std::memory_order_relaxed)) {
  }
}

}  // namespace starling::engine
