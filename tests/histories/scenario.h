// The scenarios by name, and how one round of one runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "histories/cluster_process.h"
#include "histories/nemesis.h"

namespace starling::histories {

struct Scenario {
  std::string name, what;
  int nodes = 3;
  // False: a server on its own.
  bool in_cluster = true;
  Settings settings;
  std::vector<std::string> workloads;
  Mix mix;
  Time length = 20 * kSecond;
  int clients = 10;
  // Between two steps of a client, up to twice that.
  Time think = 4'000;
  Time ttl_margin = 300'000;
  // Nothing is wrong, so nothing may fail.
  bool undisturbed = false;
  // In the short run, for so long. 0: not in it.
  Time in_short = 0;
};

const std::vector<Scenario>& scenarios();
const Scenario* find_scenario(const std::string& name);

struct RoundOptions {
  uint64_t seed = 0;
  Time length = 0;
  size_t excerpts = 3;
};

// Prints what it does and finds. Returns how many promises were found broken.
size_t run_round(const Scenario& scenario, const Site& site, Network& network, const RoundOptions& options);

}  // namespace starling::histories
