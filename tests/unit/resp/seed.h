// The seed of a random test: STARLING_SEED, or a new one, printed so that a failure can be replayed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace starling::resp {

inline uint64_t test_seed(const char* test) {
  const char* const given = std::getenv("STARLING_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("%s: STARLING_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace starling::resp
