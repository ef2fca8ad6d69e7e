// What nodes tell each other of their clocks. See agreed_clock.h.
#pragma once

#include <cstdint>

namespace starling::cluster {

// What a node says of its clocks: times in messages, bases everywhere else.
struct ClockReading {
  int64_t local_us = 0;   // Its wall clock as the system tells it.
  int64_t vote_us = 0;    // The same without jumps that have not lasted.
  int64_t agreed_us = 0;  // What it takes for the agreed time; matters only when confirmed.
  bool confirmed = false;

  bool operator==(const ClockReading&) const = default;
};

}  // namespace starling::cluster
