// Two of the four seams (Clock, Random, Transport, Store): everything below server/ takes time and chance
// from here, so that the simulator can replace them and replay a run from its seed.
#pragma once

#include <cstdint>

namespace starling::engine {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch. May jump either way. Any thread.
  virtual int64_t wall_ms() const = 0;
  virtual int64_t wall_us() const = 0;
  // Microseconds from an arbitrary start; never goes back. Any thread.
  virtual int64_t monotonic_us() const = 0;
};

// Not thread-safe: each thread has its own, seeded from one source.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;
  // Uniform in [0, bound). bound must be positive.
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
};

}  // namespace starling::engine
