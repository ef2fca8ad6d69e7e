// Random verbs on collections of one type, each made to a model too, over all that a node does beside them.
#pragma once

#include <doctest/doctest.h>

#include "engine/base/seeded_random.h"
#include "tests/unit/engine/node_fixture.h"
#include "tests/unit/engine/random_run.h"

namespace starling::engine {

// Does one of these now and then; most often nothing.
inline void disturb(TestNode& node, SeededRandom& random) {
  switch (random.below(60)) {
    case 0:
      REQUIRE(node.engine().checkpoint().ok());
      break;
    case 1:
      node.evict_everything();
      break;
    case 2:
      REQUIRE(node.engine().commit().ok());
      node.crash();
      break;
    case 3:
      node.restart_cleanly();
      break;
    case 4:
      node.pack();
      break;
    default:
      break;
  }
}

// `Run(seed, replicated)` has step(), which changes the node and the model, check(), which compares them, and node().
template <typename Run>
void run_disturbed(int steps) {
  for (const bool replicated : {false, true}) {
    for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(15); ++seed) {
      CAPTURE(seed);
      CAPTURE(replicated);
      Run run(seed, replicated);
      SeededRandom random(~seed);
      for (int step = 0; step < steps; ++step) {
        run.step();
        disturb(run.node(), random);
        if (step % 20 == 0) run.check();
      }
      run.check();
      check_accounting(run.node());
    }
  }
}

}  // namespace starling::engine
