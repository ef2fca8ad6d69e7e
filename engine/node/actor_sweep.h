// Finds the indexes of actors that no record in memory holds any more, so that other actors get them: see
// README.md, "Actors".
#pragma once

#include <cstdint>

#include "engine/core/core.h"

namespace starling::engine {

// One thread at a time; the caller holds no stripe.
class ActorSweep {
 public:
  explicit ActorSweep(EngineCore& core) : core_(core) {}

  // Begins a sweep when the table is crowded; goes on with the one under way for about `budget_us`.
  void go_on(int64_t budget_us);
  // A whole one, when the table is crowded.
  void run_if_crowded();

 private:
  void begin();
  void keep_partition(uint16_t partition);
  void end();

  EngineCore& core_;
  bool under_way_ = false;
  uint32_t partition_ = 0;
};

}  // namespace starling::engine
