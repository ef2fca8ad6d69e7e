// The command line of the load generator.
#pragma once

#include <cstddef>
#include <string>

#include "tests/bench/client.h"

namespace starling::bench {

struct Options {
  std::string host = "127.0.0.1";
  int port = 6379;
  size_t connections = 50;
  bool preload = false;
  bool series = false;
  PhaseOptions phase;
};

// Prints the usage to stderr and ends the process with status 2 when the arguments make no sense.
Options parse_options(int argc, char** argv);

}  // namespace starling::bench
