#include "server/metrics/cycle_clock.h"

#include <chrono>
#include <thread>

namespace starling::server {

double cycles_per_microsecond() {
  static const double rate = [] {
    using Clock = std::chrono::steady_clock;
    const auto time_before = Clock::now();
    const uint64_t cycles_before = cycles_now();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const uint64_t cycles = cycles_now() - cycles_before;
    const std::chrono::duration<double, std::micro> elapsed = Clock::now() - time_before;
    return static_cast<double>(cycles) / elapsed.count();
  }();
  return rate;
}

uint64_t cycles_to_microseconds(uint64_t cycles) {
  static const double microseconds_per_cycle = 1 / cycles_per_microsecond();
  return static_cast<uint64_t>(static_cast<double>(cycles) * microseconds_per_cycle);
}

}  // namespace starling::server
