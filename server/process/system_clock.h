// The Clock of a real server.
#pragma once

#include <time.h>

#include <chrono>

#include "engine/base/clock.h"

namespace starling::server {

class SystemClock final : public engine::Clock {
 public:
  int64_t wall_ms() const override { return wall_us() / 1000; }
  int64_t wall_us() const override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  }
  int64_t monotonic_us() const override {
    // Goes on while the machine sleeps: what it had to do in the meantime is then late.
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  }
};

}  // namespace starling::server
