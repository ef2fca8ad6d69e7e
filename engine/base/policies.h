// What an operator chooses about durability and eviction.
#pragma once

namespace starling::engine {

enum class Fsync { kAlways, kEverySecond, kNo };
enum class EvictionPolicy {
  kNoEviction,
  kAllKeysLru,
  kAllKeysLfu,
  kAllKeysRandom,
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
};

}  // namespace starling::engine
