// The mathematics of HyperLogLogs: which register an element raises, and how many elements registers tell of.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/record/hyperloglog.h"

namespace starling::server {

// What adding an element does: the register is at least so high from then on.
struct Observation {
  size_t index;
  uint8_t height;
};
// By the hash that Redis takes, so that registers mean the same in both.
Observation observe(std::string_view element);

// The number of different elements, by Ertl's improved raw estimator (arXiv 1702.01284), as Redis rounds it.
uint64_t estimate(const engine::Registers& registers);

}  // namespace starling::server
