// The processor's own counter, to time each command for a few nanoseconds; a clock call would cost as much as
// a GET.
#pragma once

#include <cstdint>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <chrono>
#endif

namespace starling::server {

// Ticks at a constant rate (on every processor made in the last fifteen years).
inline uint64_t cycles_now() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// Measured against the monotonic clock when first asked for, which takes a few milliseconds.
double cycles_per_microsecond();
uint64_t cycles_to_microseconds(uint64_t cycles);

}  // namespace starling::server
