#include "engine/replication.h"

#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {

TEST_CASE(
    "replication: records are those of the kernel over random changes, merges, restarts and evictions") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    ReplicatedRun run(seed);
    for (int step = 0; step < 500; ++step) {
      CAPTURE(step);
      run.step();
      const uint64_t event = run.below(100);
      if (event < 5) REQUIRE(run.node().engine().checkpoint().ok());
      if (event >= 5 && event < 8) run.node().evict_everything();
      if (event >= 8 && event < 10) {
        REQUIRE(run.node().engine().commit().ok());
        run.node().crash();
      }
      if (event == 10) run.node().restart_cleanly();
      if (event >= 11 && event < 20) run.node().clock.now_ms += static_cast<int64_t>(run.below(800));
      if (event >= 20 && event < 25) run.check_all();
      if (event == 25) check_accounting(run.node());
    }
    run.check_all();
    check_accounting(run.node());
  }
}

TEST_CASE("replication: records are those of the kernel in memory mode") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    ReplicatedRun run(seed, false);
    for (int step = 0; step < 500; ++step) {
      run.step();
      if (run.below(10) == 0) run.node().clock.now_ms += static_cast<int64_t>(run.below(800));
      if (run.below(40) == 0) run.check_all();
    }
    run.check_all();
    check_accounting(run.node());
  }
}

}  // namespace starling::engine
