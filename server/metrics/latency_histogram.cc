#include "server/metrics/latency_histogram.h"

#include <cmath>

namespace starling::server {

std::vector<std::pair<uint64_t, uint64_t>> cumulative_latency(const LatencyBuckets& buckets) {
  std::vector<std::pair<uint64_t, uint64_t>> found;
  uint64_t calls = 0;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (buckets[bucket] == 0) continue;
    calls += buckets[bucket];
    found.emplace_back(uint64_t{1} << bucket, calls);
  }
  return found;
}

uint64_t latency_percentile(const LatencyBuckets& buckets, double fraction) {
  const auto cumulative = cumulative_latency(buckets);
  if (cumulative.empty()) return 0;
  const double wanted = std::ceil(fraction * static_cast<double>(cumulative.back().second));
  for (const auto& [microseconds, calls] : cumulative) {
    if (static_cast<double>(calls) >= wanted) return microseconds;
  }
  return cumulative.back().first;
}

}  // namespace starling::server
