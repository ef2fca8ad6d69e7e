// The texts of LATENCY GRAPH and LATENCY DOCTOR.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/metrics/latency_monitor.h"

namespace starling::server {

// One column for each sample: its height is the latency, below it stands its age.
std::string latency_graph(const LatencyMonitor::History& history, int64_t now_s);

std::string latency_advice(const std::vector<LatencyMonitor::History>& histories, int64_t threshold_ms);

}  // namespace starling::server
