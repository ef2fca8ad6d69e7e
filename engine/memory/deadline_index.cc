#include "engine/memory/deadline_index.h"

#include <algorithm>
#include <bit>

namespace starling::engine {

namespace {

constexpr int kPrefixBits = kHashBits - DeadlineIndex::kDroppedBits;
constexpr int kPartitionBits = 14;
// A bucket is as wide as the time left without all but so many of its leading bits.
constexpr int kLeadingBits = 6;

int slot_in(uint64_t packed) {
  return static_cast<int>(packed >> (kPrefixBits + kPartitionBits));
}

}  // namespace

void DeadlineIndex::set_time(int64_t now_ms) {
  std::lock_guard lock(mutex_);
  now_ = now_ms / kUnitMs;
}

// When a deadline's bucket comes due: after now if the deadline does, so that what is added again because it
// has time left is not taken again at once.
int64_t DeadlineIndex::start_of(int64_t unit) const {
  if (unit <= now_) return unit;
  const int bits = std::bit_width(static_cast<uint64_t>(unit) - static_cast<uint64_t>(now_));
  const int64_t width = int64_t{1} << std::max(bits - kLeadingBits, 0);
  return unit & ~(width - 1);
}

void DeadlineIndex::add(uint8_t slot, const Key& key, int64_t deadline_ms) {
  const uint64_t packed = static_cast<uint64_t>(slot) << (kPrefixBits + kPartitionBits) |
                          static_cast<uint64_t>(key.partition) << kPrefixBits | key.hash >> kDroppedBits;
  std::lock_guard lock(mutex_);
  // Rounded up without a sum: a deadline may be as late as INT64_MAX.
  const int64_t unit = deadline_ms / kUnitMs + (deadline_ms % kUnitMs != 0 ? 1 : 0);
  Bucket& bucket = buckets_[start_of(unit)];
  bucket.references.push_back(packed);
  ++size_;
  for (Sum* sum : {&sums_[slot], &bucket.sums[slot]}) {
    ++sum->references;
    sum->units += static_cast<double>(unit);
  }
}

bool DeadlineIndex::take_due(int64_t now_ms, size_t limit, std::vector<Reference>* due) {
  std::lock_guard lock(mutex_);
  now_ = now_ms / kUnitMs;
  while (!buckets_.empty() && buckets_.begin()->first <= now_) {
    Bucket& bucket = buckets_.begin()->second;
    for (std::vector<uint64_t>* references : {&bucket.before_checkpoint, &bucket.references}) {
      while (!references->empty() && due->size() < limit) {
        const uint64_t packed = references->back();
        references->pop_back();
        --size_;
        forget(bucket, slot_in(packed), 1);
        due->push_back({static_cast<uint8_t>(slot_in(packed)),
                        static_cast<uint16_t>(packed >> kPrefixBits & (kPartitionCount - 1)),
                        packed & ((uint64_t{1} << kPrefixBits) - 1)});
      }
      if (!references->empty()) return true;
    }
    for (int slot = 0; slot < kSlots; ++slot) {
      forget(bucket, slot, bucket.sums[static_cast<size_t>(slot)].references);
    }
    buckets_.erase(buckets_.begin());
  }
  return false;
}

// Which of a bucket's deadlines was whose is not known: each counts as their mean.
void DeadlineIndex::forget(Bucket& bucket, int slot, uint64_t references) {
  if (references == 0) return;
  Sum& part = bucket.sums[static_cast<size_t>(slot)];
  Sum& whole = sums_[static_cast<size_t>(slot)];
  const double units = part.units / static_cast<double>(part.references) * static_cast<double>(references);
  for (Sum* sum : {&part, &whole}) {
    sum->references -= references;
    sum->units = sum->references == 0 ? 0 : sum->units - units;
  }
}

void DeadlineIndex::begin_checkpoint() {
  std::lock_guard lock(mutex_);
  for (auto& [start, bucket] : buckets_) {
    if (bucket.before_checkpoint.empty()) {
      bucket.before_checkpoint.swap(bucket.references);
    } else {
      bucket.before_checkpoint.insert(bucket.before_checkpoint.end(), bucket.references.begin(),
                                      bucket.references.end());
      bucket.references = {};
    }
  }
}

void DeadlineIndex::end_checkpoint(int64_t now_ms) {
  std::lock_guard lock(mutex_);
  for (auto at = buckets_.upper_bound(now_ms / kUnitMs); at != buckets_.end(); ++at) {
    size_ -= at->second.before_checkpoint.size();
    at->second.before_checkpoint = {};
  }
}

int64_t DeadlineIndex::average_time_left_ms(uint8_t slot, int64_t now_ms) const {
  std::lock_guard lock(mutex_);
  const Sum& sum = sums_[slot];
  if (sum.references == 0) return 0;
  const double left_ms =
      sum.units / static_cast<double>(sum.references) * kUnitMs - static_cast<double>(now_ms);
  return left_ms <= 0 ? 0 : static_cast<int64_t>(std::min(left_ms, 9e18));
}

uint64_t DeadlineIndex::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

uint64_t DeadlineIndex::memory_bytes() const {
  constexpr uint64_t kNodeBytes = 4 * sizeof(void*);
  std::lock_guard lock(mutex_);
  uint64_t references = 0;
  for (const auto& [start, bucket] : buckets_) {
    references += bucket.references.capacity() + bucket.before_checkpoint.capacity();
  }
  return references * sizeof(uint64_t) + buckets_.size() * (sizeof(Buckets::value_type) + kNodeBytes);
}

void DeadlineIndex::clear() {
  std::lock_guard lock(mutex_);
  buckets_.clear();
  size_ = 0;
  sums_ = {};
}

}  // namespace starling::engine
