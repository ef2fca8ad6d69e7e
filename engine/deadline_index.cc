#include "engine/deadline_index.h"

#include <algorithm>

namespace starling::engine {

namespace {
constexpr int kPrefixBits = kHashBits - DeadlineIndex::kDroppedBits;
constexpr int kPartitionBits = 14;
}  // namespace

void DeadlineIndex::add(uint8_t slot, const Key& key, int64_t deadline_ms) {
  const uint64_t packed = static_cast<uint64_t>(slot) << (kPrefixBits + kPartitionBits) |
                          static_cast<uint64_t>(key.partition) << kPrefixBits | key.hash >> kDroppedBits;
  std::lock_guard lock(mutex_);
  // Rounded up without a sum: a deadline may be as late as INT64_MAX.
  const int64_t bucket = deadline_ms / kBucketMs + (deadline_ms % kBucketMs != 0 ? 1 : 0);
  buckets_[bucket].push_back(packed);
  ++size_;
  ++sums_[slot].references;
  sums_[slot].buckets += static_cast<double>(bucket);
}

bool DeadlineIndex::take_due(int64_t now_ms, size_t limit, std::vector<Reference>* due) {
  std::lock_guard lock(mutex_);
  while (!buckets_.empty() && buckets_.begin()->first <= now_ms / kBucketMs) {
    std::vector<uint64_t>& bucket = buckets_.begin()->second;
    for (; !bucket.empty() && due->size() < limit; --size_) {
      const uint64_t packed = bucket.back();
      bucket.pop_back();
      forget(static_cast<uint8_t>(packed >> (kPrefixBits + kPartitionBits)), buckets_.begin()->first);
      due->push_back({static_cast<uint8_t>(packed >> (kPrefixBits + kPartitionBits)),
                      static_cast<uint16_t>(packed >> kPrefixBits & (kPartitionCount - 1)),
                      packed & ((uint64_t{1} << kPrefixBits) - 1)});
    }
    if (!bucket.empty()) return true;
    buckets_.erase(buckets_.begin());
  }
  return false;
}

void DeadlineIndex::forget(uint8_t slot, int64_t bucket) {
  Sum& sum = sums_[slot];
  sum.buckets -= static_cast<double>(bucket);
  if (--sum.references == 0) sum.buckets = 0;
}

int64_t DeadlineIndex::average_time_left_ms(uint8_t slot, int64_t now_ms) const {
  std::lock_guard lock(mutex_);
  const Sum& sum = sums_[slot];
  if (sum.references == 0) return 0;
  const double left_ms =
      sum.buckets / static_cast<double>(sum.references) * kBucketMs - static_cast<double>(now_ms);
  return left_ms <= 0 ? 0 : static_cast<int64_t>(std::min(left_ms, 9e18));
}

uint64_t DeadlineIndex::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

void DeadlineIndex::clear() {
  std::lock_guard lock(mutex_);
  buckets_.clear();
  size_ = 0;
  sums_ = {};
}

}  // namespace starling::engine
