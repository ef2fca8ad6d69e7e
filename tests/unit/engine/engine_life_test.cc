// How an engine starts and stops: what a clean stop leaves to replay, and starts that are given up.
#include "engine/node/node_engine.h"

#include "tests/unit/engine/random_run.h"

namespace starling::engine {

namespace {

size_t frames_in_log(const TestNode& node) {
  size_t count = 0;
  const TestNode::Image image = node.image();
  for (const auto& [number, frames] : image.log->segments) count += frames.size();
  return count;
}

}  // namespace

TEST_CASE("a clean stop leaves nothing to replay, if that is asked for") {
  RandomRun run(first_seed());
  for (int step = 0; step < 100; ++step) run.change();
  run.node().restart_cleanly(Leave::kLog);
  CHECK(frames_in_log(run.node()) != 0);
  SUBCASE("what was changed in this run") {
    for (int step = 0; step < 100; ++step) run.change();
  }
  SUBCASE("and what was replayed") {}
  run.node().restart_cleanly(Leave::kNothing);
  CHECK(frames_in_log(run.node()) == 0);
  run.check();
  // Nothing has happened since.
  const uint64_t checkpoints = run.node().engine().statistics().checkpoints;
  REQUIRE(run.node().engine().close(Leave::kNothing).ok());
  CHECK(run.node().engine().statistics().checkpoints == checkpoints);
}

TEST_CASE("a clean stop whose checkpoint fails, or is killed, loses nothing") {
  RandomRun run(first_seed());
  TestNode& node = run.node();
  for (int step = 0; step < 300; ++step) run.change();
  SUBCASE("a full disk") {
    node.store().set_full(true);
    REQUIRE(node.engine().close(Leave::kNothing).ok());
    node.store().set_full(false);
    TestNode other(first_seed() + 1000, node.image());
    run.check(other);
  }
  SUBCASE("killed") {
    uint64_t images = 0;
    node.during_checkpoint = [&] {
      if (run.below(20) != 0) return;
      TestNode other(first_seed() + 1000 + ++images, node.image());
      run.check(other);
    };
    REQUIRE(node.engine().close(Leave::kNothing).ok());
    CHECK(images != 0);
  }
}

TEST_CASE("a start that is abandoned ends, and may be made again") {
  RandomRun run(first_seed());
  for (int step = 0; step < 300; ++step) run.change();
  REQUIRE(run.node().engine().commit().ok());
  const TestNode::Image image = run.node().image();
  FakeClock clock;
  CountingObserver observer;
  NodeParts parts;
  parts.actor = first_seed() + 1000;
  parts.log = std::make_unique<MemoryLog>(CommitLog::Options(), image.log);
  parts.store = std::make_unique<MemoryStore>(image.store, "store");
  {
    NodeEngine engine(Options(), clock, 1, observer, std::move(parts));
    engine.abandon_start();
    CHECK_FALSE(engine.start().ok());
    CHECK(engine.commit().ok());
  }
  TestNode other(first_seed() + 1001, image);
  run.check(other);
}

}  // namespace starling::engine
