// Whether it pays to look for a record in the store's memory before a disk thread is asked for it.
//
// For a key that the store does not have it does nearly always, as a filter answers; for one that it has,
// hardly ever when there is much more data than memory, and then half of the lookup is done twice. So the
// last outcomes decide, and one attempt in sixteen is made in any case.
#pragma once

#include <atomic>
#include <cstdint>

namespace starling::engine {

// Any thread. Lost updates do no harm.
class LookupOdds {
 public:
  bool worthwhile() {
    if (share_.load(std::memory_order_relaxed) >= kLeastShare) return true;
    return (skipped_.fetch_add(1, std::memory_order_relaxed) & 15) == 15;
  }
  void note(bool answered) {
    const int32_t share = share_.load(std::memory_order_relaxed);
    share_.store(share + ((answered ? kWhole : 0) - share) / kMemory, std::memory_order_relaxed);
  }

 private:
  static constexpr int32_t kWhole = 1 << 16;
  static constexpr int32_t kLeastShare = kWhole / 4;
  static constexpr int32_t kMemory = 16;

  std::atomic<int32_t> share_{kWhole};  // Of the last attempts, those that had an answer.
  std::atomic<uint32_t> skipped_{0};
};

}  // namespace starling::engine
