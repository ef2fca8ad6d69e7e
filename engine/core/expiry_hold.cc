#include "engine/core/expiry_hold.h"

#include "engine/core/core.h"

namespace starling::engine {

void hold_expiry(Engine& engine, int64_t until_ms) {
  std::atomic<int64_t>& held = engine.core().expiry_held_until_ms;
  if (until_ms == 0) return held.store(0, std::memory_order_relaxed);
  int64_t seen = held.load(std::memory_order_relaxed);
  while (seen < until_ms && !held.compare_exchange_weak(seen, until_ms, std::memory_order_relaxed)) {
  }
}

void leave_expiry_to_others(Engine& engine, bool left) {
  engine.core().expiry_left_to_others.store(left, std::memory_order_relaxed);
}

}  // namespace starling::engine
