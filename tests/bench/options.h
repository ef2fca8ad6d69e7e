// The command line of the load generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/bench/client.h"

namespace starling::bench {

// Which node of a cluster gets a request.
enum class Route : uint8_t {
  kGiven,  // The one that --port names.
  kAny,    // Connections are spread over all nodes; each sends any key.
  kOwner,  // Connections are spread over all nodes; each sends only keys of its node's slots.
};

struct Options {
  std::string host = "127.0.0.1";
  int port = 6379;
  size_t connections = 50;
  Route route = Route::kGiven;
  bool preload = false;
  bool series = false;
  PhaseOptions phase;
};

// Prints the usage to stderr and ends the process with status 2 when the arguments make no sense.
Options parse_options(int argc, char** argv);

}  // namespace starling::bench
