#include "engine/memory/memory_budget.h"

#include <algorithm>

namespace starling::engine {
namespace {

constexpr uint64_t kOverShare = 64;
constexpr uint64_t kAimShare = 32;  // Where a cut is to end.
constexpr uint64_t kUnderShare = 16;
constexpr uint64_t kLeastShare = 4;
// Each second: what goes while the process stays over, how fast a peak that was cut for is forgotten (the
// next one as high, of the next compaction, is none to cut for again), how fast one is that keeps memory from
// coming back, and what comes back at most.
constexpr uint64_t kErosionShare = 256;
constexpr uint64_t kForgetShare = 512;
constexpr uint64_t kPeakShare = 256;
constexpr uint64_t kReturnShare = 64;
constexpr uint64_t kDenseErosion = 4;  // Of the excess.
constexpr int64_t kSecondUs = 1'000'000;

uint64_t part(uint64_t bytes_per_second, int64_t elapsed_us) {
  return bytes_per_second * static_cast<uint64_t>(elapsed_us) / kSecondUs;
}

}  // namespace

uint64_t MemoryBudget::adjust(const Sample& sample) {
  const uint64_t limit = sample.limit_bytes;
  const int64_t elapsed_us = std::clamp<int64_t>(sample.now_us - last_us_, 0, kSecondUs);
  last_us_ = sample.now_us;
  const uint64_t most = limit - std::min(limit, sample.reserve_bytes);
  if (limit != limit_bytes_) {
    limit_bytes_ = limit;
    budget_bytes_ = std::max(most, limit / kLeastShare);
    // What the new budget takes from the records by itself is no excess to cut once more.
    const uint64_t lost = sample.records_bytes - std::min(sample.records_bytes, budget_bytes_);
    answered_bytes_ = limit - limit / kAimShare + lost;
    peak_bytes_ = 0;
  }
  if (limit == 0) return 0;
  // It does not fall below what is there now.
  const uint64_t forgotten =
      answered_bytes_ - std::min(answered_bytes_, part(limit / kForgetShare, elapsed_us));
  answered_bytes_ =
      std::max({limit - limit / kAimShare, forgotten, std::min(answered_bytes_, sample.grown_bytes)});
  peak_bytes_ =
      std::max(sample.grown_bytes, peak_bytes_ - std::min(peak_bytes_, part(limit / kPeakShare, elapsed_us)));
  if (sample.grown_bytes > limit - limit / kOverShare) {
    elapsed_over_us_ += elapsed_us;
    take(sample);
  } else if (peak_bytes_ < limit - limit / kUnderShare) {
    give_back(sample, elapsed_us);
  }
  budget_bytes_ = std::max(std::min(budget_bytes_, most), limit / kLeastShare);
  return budget_bytes_;
}

void MemoryBudget::take(const Sample& sample) {
  uint64_t cut = 0;
  if (sample.grown_bytes > answered_bytes_) {
    cut = sample.grown_bytes - answered_bytes_;
    answered_bytes_ = sample.grown_bytes;
  } else if (elapsed_over_us_ >= kSecondUs) {
    cut = sample.limit_bytes / kErosionShare;
    const uint64_t excess = sample.grown_bytes - (sample.limit_bytes - sample.limit_bytes / kAimShare);
    // While an earlier cut is still being evicted nothing is known of what it will bring.
    const bool evicted = sample.records_bytes <= budget_bytes_ + sample.limit_bytes / kOverShare;
    if (sample.dense && evicted) cut = std::max(cut, excess / kDenseErosion);
  } else {
    return;
  }
  elapsed_over_us_ = 0;
  // Records may be under their budget: it is they that must become fewer.
  const uint64_t from = std::min(budget_bytes_, sample.records_bytes);
  budget_bytes_ = from - std::min(from, cut);
  peak_bytes_ -= std::min(peak_bytes_, cut);
}

void MemoryBudget::give_back(const Sample& sample, int64_t elapsed_us) {
  const bool wanted = sample.records_bytes + sample.limit_bytes / kOverShare >= budget_bytes_;
  if (!wanted) return;
  const uint64_t room = sample.limit_bytes - sample.limit_bytes / kUnderShare - peak_bytes_;
  budget_bytes_ += std::min(room / 8, part(sample.limit_bytes / kReturnShare, elapsed_us));
}

}  // namespace starling::engine
