// What goes wrong in a round, drawn from a seed: faults that last and overlap. Pure; nemesis.h does them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "histories/history.h"

namespace starling::histories {

enum class Fault : uint8_t {
  kCutLink,    // Between two nodes, both ways.
  kCutOneWay,  // What one sends to the other.
  kIsolate,    // One node from all others.
  kSplit,      // Some from the others.
  kReset,      // Connections break while both processes live.
  kKill,       // kill -9, and a start at the end.
  kKillAll,
  kStop,      // SIGSTOP, and SIGCONT at the end.
  kSkew,      // A clock is off by less than what nodes must bear.
  kJump,      // By an hour.
  kLoseDisk,  // Killed, and starts at the end without its data.
};

struct Step {
  Time at = 0, lasts = 0;
  Fault fault = Fault::kStop;
  int one = 0, other = 0;  // Of nodes; of a split the set of one side, as bits.
  int64_t milliseconds = 0;
};

// What a plan is drawn from.
struct Mix {
  // With the share that each has.
  std::vector<std::pair<Fault, int>> faults;
  // From one step to the next, and how long each lasts: up to twice that, at random.
  Time pause = 2 * kSecond, lasts = 2 * kSecond;
  int64_t skew_ms = 20'000;
  // A skew that lasts for the whole round, of node 1. 0: none.
  int64_t steady_skew_ms = 0;
  // All faults hit this node only, where they hit one. -1: any.
  int victim = -1;
};

// Steps in order of their begin. None ends after `length`. Disks are lost by one node of a plan only.
std::vector<Step> plan(const Mix& mix, int nodes, Time length, uint64_t seed);
std::string describe(const Step& step);

}  // namespace starling::histories
