// What can be read out of a command's latency buckets (server/metrics/statistics.h).
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/metrics/statistics.h"

namespace starling::server {

using LatencyBuckets = std::array<uint64_t, kLatencyBuckets>;

// Microseconds within which `fraction` of the calls ended: the upper edge of the bucket. 0 without calls.
uint64_t latency_percentile(const LatencyBuckets& buckets, double fraction);

// {microseconds, calls that ended within}, for each bucket that has calls.
std::vector<std::pair<uint64_t, uint64_t>> cumulative_latency(const LatencyBuckets& buckets);

}  // namespace starling::server
