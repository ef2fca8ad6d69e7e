#include "tests/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace starling::bench {

void Histogram::record(uint64_t value_ns, uint64_t count) {
  counts_[bucket_of(value_ns)] += count;
  count_ += count;
  max_ns_ = std::max(max_ns_, value_ns);
}

uint64_t Histogram::percentile_ns(double fraction) const {
  if (count_ == 0) return 0;
  const auto rank =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return std::min(upper_bound_ns(bucket), max_ns_);
  }
  return max_ns_;
}

size_t Histogram::bucket_of(uint64_t value_ns) {
  if (value_ns < kSubBuckets) return value_ns;
  // `shift` is how many low bits this power of two ignores; what is left lies in [kSubBuckets, 2 *
  // kSubBuckets).
  const int shift = std::bit_width(value_ns) - 1 - kSubBucketBits;
  return kSubBuckets * static_cast<size_t>(shift) + (value_ns >> shift);
}

uint64_t Histogram::upper_bound_ns(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const size_t shift = bucket / kSubBuckets - 1;
  const uint64_t leading = kSubBuckets + bucket % kSubBuckets;
  return ((leading + 1) << shift) - 1;
}

}  // namespace starling::bench
