#include "engine/record/hybrid_clock.h"

#include <string>

namespace starling::engine {

Status HybridClock::observe(Stamp remote, int64_t now_ms) {
  if (try_observe(remote, now_ms)) return Status();
  return Status(StatusCode::kInvalid, "a stamp is " + std::to_string(stamp_wall_ms(remote) - now_ms) +
                                          " ms ahead of this node's clock, " + std::to_string(max_drift_ms_) +
                                          " ms are permitted; check the clocks of both nodes");
}

}  // namespace starling::engine
