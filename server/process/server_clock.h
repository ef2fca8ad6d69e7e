// The Clock of a real server: the monotonic clock and a base that says how far the wall clock is from it. The
// base is set several times a second (clock_keeper.h), so that a wall clock that jumps is not believed at
// once, nor one that differs from those of the other members.
#pragma once

#include <atomic>

#include "engine/base/clock.h"
#include "server/process/system_clock.h"

namespace starling::server {

class ServerClock final : public engine::Clock {
 public:
  ServerClock() : base_us_(system_.wall_us() - system_.monotonic_us()) {}

  int64_t wall_ms() const override { return wall_us() / 1000; }
  int64_t wall_us() const override { return monotonic_us() + base_us_.load(std::memory_order_relaxed); }
  int64_t monotonic_us() const override { return system_.monotonic_us(); }

  // As the system tells it, for whom nothing depends on it.
  int64_t local_us() const { return system_.wall_us(); }

  void set_base(int64_t base_us) { base_us_.store(base_us, std::memory_order_relaxed); }

 private:
  SystemClock system_;
  std::atomic<int64_t> base_us_;
};

}  // namespace starling::server
