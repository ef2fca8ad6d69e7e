#include "server/metrics/statistics.h"

#include <doctest/doctest.h>

#include <string>

namespace starling::server {
namespace {

TEST_CASE("latencies fall into powers of two of microseconds") {
  CHECK(latency_bucket(0) == 0);
  CHECK(latency_bucket(1) == 0);
  CHECK(latency_bucket(2) == 1);
  CHECK(latency_bucket(3) == 2);
  CHECK(latency_bucket(4) == 2);
  CHECK(latency_bucket(5) == 3);
  CHECK(latency_bucket(~uint64_t{0}) == kLatencyBuckets - 1);
}

TEST_CASE("errors are counted by their first word") {
  ErrorCounters errors;
  errors.count("ERR one");
  errors.count("ERR two");
  errors.count("WRONGTYPE");
  CHECK(errors.total() == 3);
  CHECK(errors.snapshot().at("ERR") == 2);
  CHECK(errors.snapshot().at("WRONGTYPE") == 1);
  errors.reset();
  CHECK(errors.total() == 0);
  CHECK(errors.snapshot().empty());
}

TEST_CASE("made-up error codes do not grow the counters without end") {
  ErrorCounters errors;
  for (int i = 0; i < 10000; ++i) errors.count("E" + std::to_string(i) + " x");
  CHECK(errors.total() == 10000);
  CHECK(errors.snapshot().size() < 1000);
}

}  // namespace
}  // namespace starling::server
