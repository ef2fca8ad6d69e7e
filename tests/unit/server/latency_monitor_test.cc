#include "server/metrics/latency_monitor.h"

#include <doctest/doctest.h>

#include "server/metrics/latency_histogram.h"
#include "server/metrics/latency_report.h"

namespace starling::server {
namespace {

TEST_CASE("only events from the threshold on are recorded, the longest of each second") {
  LatencyMonitor monitor;
  monitor.add(LatencyEvent::kCommand, 100, 50, 0);
  monitor.add(LatencyEvent::kCommand, 100, 9, 10);
  CHECK_FALSE(monitor.history(LatencyEvent::kCommand).has_value());
  monitor.add(LatencyEvent::kCommand, 100, 10, 10);
  monitor.add(LatencyEvent::kCommand, 100, 30, 10);
  monitor.add(LatencyEvent::kCommand, 100, 20, 10);
  monitor.add(LatencyEvent::kCommand, 101, 15, 10);
  const auto history = monitor.history(LatencyEvent::kCommand);
  REQUIRE(history.has_value());
  REQUIRE(history->samples.size() == 2);
  CHECK(history->samples[0].latency_ms == 30);
  CHECK(history->samples[1].latency_ms == 15);
  CHECK(history->max_ms == 30);
  CHECK(monitor.all().size() == 1);
  CHECK(monitor.reset(LatencyEvent::kCommand));
  CHECK_FALSE(monitor.reset(LatencyEvent::kCommand));
}

TEST_CASE("samples are bounded") {
  LatencyMonitor monitor;
  for (int second = 0; second < 1000; ++second) monitor.add(LatencyEvent::kCommit, second, 10, 1);
  CHECK(monitor.history(LatencyEvent::kCommit)->samples.size() == 160);
  CHECK(monitor.history(LatencyEvent::kCommit)->samples.back().time_s == 999);
}

TEST_CASE("events are found by the names that they have") {
  for (size_t i = 0; i < kLatencyEvents; ++i) {
    const auto event = static_cast<LatencyEvent>(i);
    CHECK(find_latency_event(latency_event_name(event)) == event);
  }
  CHECK_FALSE(find_latency_event("nosuch").has_value());
}

TEST_CASE("a histogram says how many calls ended within") {
  LatencyBuckets buckets{};
  CHECK(latency_percentile(buckets, 0.5) == 0);
  buckets[0] = 98;
  buckets[3] = 1;
  buckets[10] = 1;
  using Pairs = std::vector<std::pair<uint64_t, uint64_t>>;
  CHECK(cumulative_latency(buckets) == Pairs{{1, 98}, {8, 99}, {1024, 100}});
  CHECK(latency_percentile(buckets, 0.5) == 1);
  CHECK(latency_percentile(buckets, 0.99) == 8);
  CHECK(latency_percentile(buckets, 0.999) == 1024);
}

TEST_CASE("a graph has one column for each sample, the highest on top") {
  const LatencyMonitor::History history{LatencyEvent::kCommand, 40, {{100, 10}, {110, 40}}};
  const std::string graph = latency_graph(history, 120);
  CHECK(graph.starts_with("command - high 40 ms, low 10 ms (all time high 40 ms)\n"));
  CHECK(graph.find("\n #\n |\n |\n#|\n\n21\n00\nss\n") != std::string::npos);
  CHECK(latency_advice({history}, 5).find("at most 40 ms") != std::string::npos);
  CHECK(latency_advice({}, 0).find("latency-monitor-threshold") != std::string::npos);
}

}  // namespace
}  // namespace starling::server
