// Latencies counted in log-linear buckets: constant memory, under 1.6 % error, so millions of samples cost
// nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace starling::bench {

// Not thread-safe.
class Histogram {
 public:
  // Adds `count` samples of the same value.
  void record(uint64_t value_ns, uint64_t count);
  // The upper bound of the bucket that holds the sample at `fraction` (0.99 for p99) of all; 0 without
  // samples.
  uint64_t percentile_ns(double fraction) const;
  // The largest sample, exact.
  uint64_t max_ns() const { return max_ns_; }
  uint64_t count() const { return count_; }

 private:
  static constexpr int kSubBucketBits = 6;
  static constexpr size_t kSubBuckets = size_t{1} << kSubBucketBits;
  // Values below kSubBuckets are exact; each power of two above has kSubBuckets buckets.
  static constexpr size_t kBuckets = kSubBuckets * (64 - kSubBucketBits + 1);

  static size_t bucket_of(uint64_t value_ns);
  static uint64_t upper_bound_ns(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace starling::bench
