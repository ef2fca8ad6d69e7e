// Keeps the records in memory under their budget.
//
// With a store only clean entries go, and nothing is lost; which ones is decided by age among a few
// neighbours in a random partition. In memory mode entries are dropped by Redis's maxmemory-policy, from the
// best candidates of several samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "engine/base/clock.h"
#include "engine/core/core.h"

namespace starling::engine {

class Evictor {
 public:
  explicit Evictor(EngineCore& core) : core_(core) {}

  // Bytes that records may take: maxmemory less what the rest of the process needs. 0: no limit. Any thread.
  void set_budget(uint64_t bytes) { budget_bytes_.store(bytes, std::memory_order_relaxed); }
  uint64_t budget() const { return budget_bytes_.load(std::memory_order_relaxed); }
  bool over_budget() const {
    const uint64_t budget_bytes = budget();
    return budget_bytes != 0 && core_.keyspace.stripes.bytes() > budget_bytes;
  }

  // Evicts until under budget, at most `limit` entries. False when it gave up: nothing more could be found.
  // The caller holds no stripe; stripes that others hold are passed over.
  bool make_room(int limit, Random& random);

 private:
  bool evict_clean(int attempts, Random& random, int* evicted);
  bool evict_by_policy(Random& random);
  bool drop(int database, const std::string& name);

  EngineCore& core_;
  std::atomic<uint64_t> budget_bytes_{0};
};

}  // namespace starling::engine
