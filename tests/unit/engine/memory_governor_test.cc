#include "engine/node/memory_governor.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kLimit = 96 * kMiB;
constexpr uint64_t kEmpty = 20 * kMiB;

// A governor of its own beside the node's, which has no limit, and no threads that would read the options.
struct Governed {
  explicit Governed(bool durable = false) : node(1, durable, false, false), evictor(core()) {
    core().options.resident_bytes = [this] { return kEmpty + grown; };
    core().options.heap = &heap;
    core().options.max_memory_bytes = kLimit;
    governor = std::make_unique<MemoryGovernor>(core(), evictor);
    governor->begin();
    heap.releases = 0;
  }
  EngineCore& core() { return node.engine().core(); }
  void tick() {
    node.clock.now_ms += 100;
    governor->tick();
  }

  TestNode node;
  Evictor evictor;
  MovingHeap heap;
  std::unique_ptr<MemoryGovernor> governor;
  uint64_t grown = 0;
};

}  // namespace

TEST_CASE("far from the limit the allocator is left alone") {
  Governed governed;
  governed.grown = 80 * kMiB;
  governed.heap.holes = 40 * kMiB;
  governed.tick();
  CHECK(governed.heap.asked == 0);
  CHECK(governed.heap.releases == 0);
  governed.governor->set_limit(0);
  governed.grown = 400 * kMiB;
  governed.tick();
  CHECK(governed.heap.asked == 0);
  CHECK(governed.evictor.budget() == 0);
}

TEST_CASE("near the limit records are packed if there are holes, at it free pages go as well") {
  Governed governed;
  governed.node.with("k", [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  governed.grown = 90 * kMiB;
  governed.heap.holes = kMiB;
  governed.tick();
  CHECK(governed.heap.asked == 1);
  CHECK(governed.heap.moves == 0);
  governed.heap.holes = 20 * kMiB;
  governed.tick();
  CHECK(governed.heap.moves == 2);  // The record and its table.
  CHECK(governed.heap.releases == 0);
  governed.grown = 95 * kMiB;
  governed.tick();
  CHECK(governed.heap.releases == 1);
}

TEST_CASE("a round that found nothing to move is not repeated at once") {
  Governed governed;
  governed.node.with("k", [](Database& d, const Key& key) { d.put_string(key, "v", kNoDeadline); });
  governed.grown = 90 * kMiB;
  governed.heap.holes = 20 * kMiB;
  governed.tick();
  CHECK(governed.heap.moves == 2);
  for (int i = 0; i < 19; ++i) governed.tick();
  CHECK(governed.heap.moves == 2);
  for (int i = 0; i < 3; ++i) governed.tick();
  CHECK(governed.heap.moves == 4);
}

TEST_CASE("a limit holds room for the store and its work, however low it is") {
  Governed memory;
  CHECK(memory.evictor.budget() == kLimit - kLimit / 16);
  memory.governor->set_limit(16 * kMiB);
  CHECK(memory.evictor.budget() == 12 * kMiB);
  Governed durable(true);
  CHECK(durable.evictor.budget() == kLimit - kLimit / 8 - 12 * kMiB);
  durable.governor->set_limit(1024 * kMiB);
  CHECK(durable.evictor.budget() == 768 * kMiB);
  durable.governor->set_limit(16 * kMiB);
  CHECK(durable.evictor.budget() == 4 * kMiB);
}

TEST_CASE("the block cache is a part of maxmemory unless it was set") {
  Options options;
  CHECK(block_cache_bytes(options, 0) == 64 * kMiB);
  CHECK(block_cache_bytes(options, 1024 * kMiB) == 128 * kMiB);
  CHECK(block_cache_bytes(options, 8 * kMiB) == 4 * kMiB);
  options.block_cache_bytes = 5 * kMiB;
  CHECK(block_cache_bytes(options, 1024 * kMiB) == 5 * kMiB);
}

}  // namespace starling::engine
