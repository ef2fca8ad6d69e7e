#include "engine/node/memory_governor.h"

#include <algorithm>
#include <utility>

namespace starling::engine {
namespace {

// Of the limit: how far below it holes and free pages begin to matter, and how many holes are few enough.
constexpr uint64_t kNearShare = 8;
constexpr uint64_t kAtLimitShare = 32;
constexpr uint64_t kHolesShare = 32;
constexpr uint64_t kDenseShare = 12;  // Some are always there: each size of allocation has its own pages.
// Of each tick: a tenth, and a third at the limit.
constexpr int64_t kPackUs = 10'000;
constexpr int64_t kPackAtLimitUs = 30'000;
// What checkpoints, compactions and requests under way take, however low the limit is.
constexpr uint64_t kWorkBytes = 12ull << 20;
constexpr uint64_t kCacheWorkBytes = 4ull << 20;  // In memory mode: requests, deadlines, empty tables.
// A round that moves less than this part of the limit says that the holes are not among records. The next
// one can wait.
constexpr uint64_t kIdleRoundShare = 256;
constexpr int64_t kRestUs = 2'000'000;

constexpr uint64_t kDefaultBlockCacheBytes = 64ull << 20;
constexpr uint64_t kMinimumBlockCacheBytes = 4ull << 20;

}  // namespace

uint64_t block_cache_bytes(const Options& options, uint64_t limit_bytes) {
  if (options.block_cache_bytes != 0) return options.block_cache_bytes;
  if (limit_bytes == 0) return kDefaultBlockCacheBytes;
  return std::max(limit_bytes / 8, kMinimumBlockCacheBytes);
}

MemoryGovernor::MemoryGovernor(EngineCore& core, Evictor& evictor)
    : core_(core), evictor_(evictor), limit_bytes_(core.options.max_memory_bytes), packer_(core) {}

void MemoryGovernor::begin() {
  if (core_.options.heap != nullptr) core_.options.heap->release_free_pages();
  const uint64_t resident_bytes = core_.options.resident_bytes ? core_.options.resident_bytes() : 0;
  {
    // The limit may be changed while the commit log is replayed.
    const std::lock_guard lock(budget_mutex_);
    baseline_bytes_ = resident_bytes - std::min(resident_bytes, core_.keyspace.stripes.bytes());
  }
  (void)look();
}

void MemoryGovernor::set_limit(uint64_t bytes) {
  limit_bytes_.store(bytes, std::memory_order_relaxed);
  (void)look();
}

// A part of the limit is set aside from the beginning, because what else needs memory comes after records
// have taken theirs (the block cache fills, checkpoints and compactions take buffers, freed entries leave
// holes) and does not get it back from them at once. Answers what the process has grown by.
uint64_t MemoryGovernor::look() {
  // From the first look on: what was seen before a change of the limit must not be answered after it.
  const std::lock_guard lock(budget_mutex_);
  MemoryBudget::Sample sample;
  sample.limit_bytes = limit();
  sample.reserve_bytes = std::max(sample.limit_bytes / 16, kCacheWorkBytes);
  if (core_.durable()) {
    const uint64_t store_bytes = std::max(sample.limit_bytes / 8, core_.store->memory_bytes());
    sample.reserve_bytes = store_bytes + std::max(sample.limit_bytes / 8, kWorkBytes);
  }
  sample.records_bytes = core_.keyspace.stripes.bytes();
  if (sample.limit_bytes != 0 && core_.options.resident_bytes) {
    const uint64_t resident = core_.options.resident_bytes();
    sample.grown_bytes = resident - std::min(resident, baseline_bytes_);
  }
  sample.dense = core_.options.heap != nullptr && hole_bytes_ <= sample.limit_bytes / kDenseShare;
  sample.now_us = core_.clock.monotonic_us();
  evictor_.set_budget(budget_.adjust(sample));
  return sample.grown_bytes;
}

void MemoryGovernor::tick() {
  const uint64_t grown = look();
  const uint64_t limit_bytes = limit();
  Heap* heap = core_.options.heap;
  if (limit_bytes == 0 || heap == nullptr || grown <= limit_bytes - limit_bytes / kNearShare) return;
  const bool at_limit = grown > limit_bytes - limit_bytes / kAtLimitShare;
  hole_bytes_ = heap->hole_bytes();
  if (hole_bytes_ > limit_bytes / kHolesShare && packing_pays(limit_bytes))
    packer_.pack(*heap, at_limit ? kPackAtLimitUs : kPackUs);
  if (at_limit) heap->release_free_pages();
}

bool MemoryGovernor::packing_pays(uint64_t limit_bytes) {
  const int64_t now_us = core_.clock.monotonic_us();
  if (packer_.rounds() != round_) {
    round_ = packer_.rounds();
    const uint64_t before = std::exchange(moved_before_round_, packer_.moved_bytes());
    if (packer_.moved_bytes() - before < limit_bytes / kIdleRoundShare) rest_until_us_ = now_us + kRestUs;
  }
  return now_us >= rest_until_us_;
}

}  // namespace starling::engine
