// Holds the process to maxmemory: says what records may take, and has memory that is only held, not used,
// given back.
//
//   MemoryBudget    how much records may take, decided from what the process really occupies
//   Packer          fewer pages for the same records, when the process is near the limit and has holes
//   free pages      go back at once when the process is at the limit; else the allocator keeps them a while
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "engine/core/core.h"
#include "engine/memory/memory_budget.h"
#include "engine/node/evictor.h"
#include "engine/node/packer.h"

namespace starling::engine {

// What the store's block cache may take with this maxmemory (0: none).
uint64_t block_cache_bytes(const Options& options, uint64_t limit_bytes);

class MemoryGovernor {
 public:
  MemoryGovernor(EngineCore& core, Evictor& evictor);

  // Once, when all that the start needs is in memory: what the process holds now, without records, is not
  // counted against the limit.
  void begin();
  // maxmemory; 0: none. Both: any thread.
  void set_limit(uint64_t bytes);
  uint64_t limit() const { return limit_bytes_.load(std::memory_order_relaxed); }

  // Some ten times a second, by one thread that holds no stripe.
  void tick();

 private:
  uint64_t look();
  bool packing_pays(uint64_t limit_bytes);

  EngineCore& core_;
  Evictor& evictor_;
  std::atomic<uint64_t> limit_bytes_;
  uint64_t baseline_bytes_ = 0;  // Of the process without records.
  std::mutex budget_mutex_;
  MemoryBudget budget_;
  std::atomic<uint64_t> hole_bytes_{0};  // When they were last asked for.
  Packer packer_;
  uint64_t round_ = 0;               // Of the packer, and
  uint64_t moved_before_round_ = 0;  // what it had moved when that began.
  int64_t rest_until_us_ = 0;
};

}  // namespace starling::engine
