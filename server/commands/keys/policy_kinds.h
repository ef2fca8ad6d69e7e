// What an eviction policy keeps of each key's use.
#pragma once

#include "engine/base/policies.h"

namespace starling::server {

// How often a key is used, instead of when it was last.
constexpr bool tracks_frequency(engine::EvictionPolicy policy) {
  return policy == engine::EvictionPolicy::kAllKeysLfu || policy == engine::EvictionPolicy::kVolatileLfu;
}

// Either of the two decides what goes.
constexpr bool tracks_access(engine::EvictionPolicy policy) {
  return tracks_frequency(policy) || policy == engine::EvictionPolicy::kAllKeysLru ||
         policy == engine::EvictionPolicy::kVolatileLru;
}

}  // namespace starling::server
