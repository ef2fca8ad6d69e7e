// starling-bench: puts a load on a Redis-compatible server and prints one JSON object with what it saw.
// Exit status: 0 when the load ran to its end (look at "errors" all the same), 1 when it could not, 2 for bad
// usage.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/client.h"
#include "tests/bench/options.h"
#include "tests/bench/slot_owners.h"

namespace starling::bench {
namespace {

// Every key once, whatever the measured phase does; deep enough to be quick.
PhaseOptions preload_phase(const PhaseOptions& measured) {
  PhaseOptions preload = measured;
  preload.workload.kind = WorkloadKind::kSet;
  preload.workload.order = KeyOrder::kSequential;
  preload.pipeline = std::max<size_t>(measured.pipeline, 64);
  preload.requests = measured.workload.keys;
  preload.seconds = 0;
  return preload;
}

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  }
  return quoted + "\"";
}

double microseconds(uint64_t ns) {
  return static_cast<double>(ns) * 1e-3;
}

void print_phase(const char* name, const PhaseResult& result, bool with_series) {
  std::printf("\"%s\": {\"requests\": %lu, \"seconds\": %.6f, \"requests_per_second\": %.1f, ", name,
              result.requests, result.seconds,
              static_cast<double>(result.requests) / std::max(result.seconds, 1e-9));
  std::printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, ",
              microseconds(result.latency.percentile_ns(0.5)),
              microseconds(result.latency.percentile_ns(0.99)),
              microseconds(result.latency.percentile_ns(0.999)), microseconds(result.latency.max_ns()));
  std::printf("\"errors\": %lu, \"misses\": %lu, \"first_error\": %s, \"client_cpu_seconds\": %.6f",
              result.errors, result.misses, json_string(result.first_error).c_str(),
              result.client_cpu_seconds);
  if (with_series) {
    std::printf(", \"series\": [");
    const char* separator = "";
    for (const SecondSummary& second : result.series) {
      std::printf("%s\n  {\"requests\": %lu, \"max_latency_us\": %.1f, \"max_silence_us\": %.1f}", separator,
                  second.requests, microseconds(second.max_latency_ns), microseconds(second.max_silence_ns));
      separator = ",";
    }
    std::printf("]");
  }
  std::printf("}");
}

int run(const Options& options) {
  Client client;
  std::string error;
  SlotOwners owners;
  const Address given{options.host, options.port};
  const bool routed = options.route != Route::kGiven;
  if (routed && !fetch_slot_owners(given, &owners, &error)) {
    std::fprintf(stderr, "starling-bench: %s\n", error.c_str());
    return 1;
  }
  if (options.route == Route::kOwner) client.route_by(&owners);
  PhaseResult preload;
  PhaseResult measured;
  const bool ok = client.connect(routed ? owners.nodes : std::vector{given}, options.connections, &error) &&
                  (!options.preload || client.run(preload_phase(options.phase), &preload, &error)) &&
                  client.run(options.phase, &measured, &error);
  if (!ok) {
    std::fprintf(stderr, "starling-bench: %s\n", error.c_str());
    return 1;
  }
  std::printf("{");
  if (options.preload) {
    print_phase("preload", preload, options.series);
    std::printf(",\n");
  }
  print_phase("measured", measured, options.series);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace starling::bench

int main(int argc, char** argv) {
  return starling::bench::run(starling::bench::parse_options(argc, argv));
}
