// A checkpoint is the exact state of the moment it began, whatever changes while it is under way.
#include "engine/node/checkpointer.h"

#include "tests/unit/engine/random_run.h"

namespace starling::engine {

TEST_CASE("at every point of a checkpoint a crash leaves what was committed") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(16); ++seed) {
    CAPTURE(seed);
    RandomRun run(seed);
    TestNode& node = run.node();
    uint64_t images = 0;
    for (int round = 0; round < 12; ++round) {
      for (int step = 0; step < 40; ++step) run.change(true);
      node.during_checkpoint = [&] {
        for (uint64_t i = run.below(4); i > 0; --i) run.change(true);
        if (run.below(10) == 0) node.evict_some();
        if (run.below(100) == 0) node.pack();
        if (run.below(20) != 0) return;
        REQUIRE(node.engine().commit().ok());
        TestNode other(seed * 1000 + 500 + ++images, node.image());
        run.check(other);
      };
      const bool full = run.below(4) == 0;
      node.store().set_full(full);
      REQUIRE(node.engine().checkpoint().ok() == !full);
      node.store().set_full(false);
      node.during_checkpoint = nullptr;
      REQUIRE(node.engine().commit().ok());
      if (run.below(2) == 0) node.evict_everything();
      if (run.below(2) == 0) run.check();
      if (run.below(3) == 0) node.crash();
      if (run.below(3) == 0) run.check();
    }
  }
}

}  // namespace starling::engine
