// Random from one seed: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
// 2014).
#pragma once

#include "engine/base/clock.h"

namespace starling::engine {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() override {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

 private:
  uint64_t state_;
};

}  // namespace starling::engine
