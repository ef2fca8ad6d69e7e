#include "tests/bench/options.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace starling::bench {
namespace {

constexpr uint64_t kMaxKeys = 1'000'000'000'000;  // What 12 digits can name.

constexpr const char* kUsage = R"(usage: starling-bench [options]
  --host ADDRESS           IPv4 address (127.0.0.1)
  --port PORT              (6379)
  --connections N          (50)
  --route NAME             given: all requests to that port. any, owner: to all nodes of the cluster it is in; owner:
                           each key (set, get, mixed) to the node that CLUSTER SLOTS names for it (given)
  --pipeline N             requests in flight on each connection (1)
  --workload NAME          set, get, mixed, incr, hset, sadd or ping (set)
  --read-percent N         share of GETs in mixed (80)
  --keys N                 (1000000)
  --elements-per-key N     fields or members of each key in hset and sadd (100)
  --order NAME             uniform, zipf or sequential (uniform)
  --zipf-theta X           skew of zipf, between 0 and 1 (0.99)
  --value-size BYTES       (64)
  --requests N             end after so many
  --seconds X              end after so long; without either limit: 5 seconds
  --preload                first SET every key once, in order; reported apart
  --verify NAME            full, size or none: how far replies are checked (full)
  --series                 print what happened in each second
  --seed N                 (1)
  --timeout-ms N           give up when no reply comes for so long (60000)
)";

[[noreturn]] void fail_usage(const std::string& reason) {
  std::fprintf(stderr, "starling-bench: %s\n%s", reason.c_str(), kUsage);
  std::exit(2);
}

// The position of `name` among `names`.
template <size_t count>
size_t one_of(std::string_view name, const std::string_view (&names)[count]) {
  const auto* found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) fail_usage(std::string("unknown value ").append(name));
  return static_cast<size_t>(found - std::begin(names));
}

WorkloadKind workload_kind(const char* name) {
  return static_cast<WorkloadKind>(one_of(name, {"set", "get", "mixed", "incr", "hset", "sadd", "ping"}));
}

KeyOrder key_order(const char* name) {
  return static_cast<KeyOrder>(one_of(name, {"uniform", "zipf", "sequential"}));
}

Route route(const char* name) {
  return static_cast<Route>(one_of(name, {"given", "any", "owner"}));
}

Verify verify(const char* name) {
  return static_cast<Verify>(one_of(name, {"full", "size", "none"}));
}

std::string out_of_range(const char* text, const std::string& min, const std::string& max) {
  return std::string(text).append(" is not between ").append(min).append(" and ").append(max);
}

uint64_t whole_number(const char* text, uint64_t min, uint64_t max) {
  char* end = nullptr;
  const uint64_t number = std::strtoull(text, &end, 10);
  if (*text == '\0' || *text == '-' || *end != '\0' || number < min || number > max) {
    fail_usage(out_of_range(text, std::to_string(min), std::to_string(max)));
  }
  return number;
}

double real_number(const char* text, double min, double max) {
  char* end = nullptr;
  const double number = std::strtod(text, &end);
  if (*text == '\0' || *end != '\0' || !(number > min && number < max)) {
    fail_usage(out_of_range(text, std::to_string(min), std::to_string(max)));
  }
  return number;
}

using Text = const char*;

// One option: what it does with its value. A switch (no value) gets nullptr.
struct OptionSpec {
  std::string_view name;
  bool takes_value;
  void (*apply)(Text value, Options* options);
};

constexpr OptionSpec kOptionSpecs[] = {
    {"--host", true, [](Text v, Options* o) { o->host = v; }},
    {"--port", true, [](Text v, Options* o) { o->port = static_cast<int>(whole_number(v, 1, 65535)); }},
    {"--connections", true, [](Text v, Options* o) { o->connections = whole_number(v, 1, 100'000); }},
    {"--route", true, [](Text v, Options* o) { o->route = route(v); }},
    {"--pipeline", true, [](Text v, Options* o) { o->phase.pipeline = whole_number(v, 1, 100'000); }},
    {"--workload", true, [](Text v, Options* o) { o->phase.workload.kind = workload_kind(v); }},
    {"--read-percent", true,
     [](Text v, Options* o) { o->phase.workload.read_percent = whole_number(v, 0, 100); }},
    {"--keys", true, [](Text v, Options* o) { o->phase.workload.keys = whole_number(v, 1, kMaxKeys); }},
    {"--elements-per-key", true,
     [](Text v, Options* o) { o->phase.workload.elements_per_key = whole_number(v, 1, 10'000); }},
    {"--order", true, [](Text v, Options* o) { o->phase.workload.order = key_order(v); }},
    {"--zipf-theta", true, [](Text v, Options* o) { o->phase.workload.zipf_theta = real_number(v, 0, 1); }},
    {"--value-size", true,
     [](Text v, Options* o) { o->phase.workload.value_size_bytes = whole_number(v, 0, 16 << 20); }},
    {"--requests", true, [](Text v, Options* o) { o->phase.requests = whole_number(v, 1, UINT64_MAX); }},
    {"--seconds", true, [](Text v, Options* o) { o->phase.seconds = real_number(v, 0, 1e6); }},
    {"--preload", false, [](Text, Options* o) { o->preload = true; }},
    {"--verify", true, [](Text v, Options* o) { o->phase.workload.verify = verify(v); }},
    {"--series", false, [](Text, Options* o) { o->series = true; }},
    {"--seed", true, [](Text v, Options* o) { o->phase.workload.seed = whole_number(v, 0, UINT64_MAX); }},
    {"--timeout-ms", true, [](Text v, Options* o) { o->phase.timeout_ms = whole_number(v, 1, 3'600'000); }},
};

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto* spec = std::find_if(std::begin(kOptionSpecs), std::end(kOptionSpecs),
                                    [&](const OptionSpec& candidate) { return candidate.name == name; });
    if (spec == std::end(kOptionSpecs)) fail_usage(std::string("unknown option ").append(name));
    if (spec->takes_value && ++i == argc) fail_usage(std::string(name).append(" needs a value"));
    spec->apply(spec->takes_value ? argv[i] : nullptr, &options);
  }
  if (options.phase.requests == 0 && options.phase.seconds == 0) options.phase.seconds = 5;
  return options;
}

}  // namespace starling::bench
