// The Clock of a real server.
#pragma once

#include <chrono>

#include "engine/clock.h"

namespace starling::server {

class SystemClock final : public engine::Clock {
 public:
  int64_t wall_ms() const override { return wall_us() / 1000; }
  int64_t wall_us() const override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  }
  int64_t monotonic_us() const override {
    const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_start).count();
  }
};

}  // namespace starling::server
