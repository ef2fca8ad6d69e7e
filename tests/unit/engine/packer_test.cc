#include "engine/node/packer.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/memory/collection.h"
#include "tests/unit/engine/random_run.h"

namespace starling::engine {
namespace {

std::string name_of(int i) {
  return "key:" + std::to_string(i);
}

void put(TestNode& node, const std::string& name, const std::string& value, int database = 0) {
  node.with(database, name, [&](Database& d, const Key& key) { d.put_string(key, value, kNoDeadline); });
}

void put_set(TestNode& node, const std::string& name, int members) {
  node.with(name, [&](Database& d, const Key& key) {
    OpenCollection set = d.open(key, Type::kSet);
    for (int i = 0; i < members; ++i) set.put("member:" + std::to_string(i), {});
  });
}

// A clock that goes on whenever it is asked.
class RunningClock final : public Clock {
 public:
  int64_t wall_ms() const override { return 1; }
  int64_t wall_us() const override { return 1000; }
  int64_t monotonic_us() const override { return now_us += 10; }
  mutable std::atomic<int64_t> now_us{0};
};

}  // namespace

TEST_CASE("packing moves every record of every database, and its tables, and changes nothing") {
  TestNode node(1, false);
  constexpr int kKeys = 3000;
  for (int i = 0; i < kKeys; ++i)
    put(node, name_of(i), std::string(static_cast<size_t>(i % 300), 'v'), i % 3);
  put(node, "big", std::string(100'000, 'b'));
  EngineCore& core = node.engine().core();
  const uint64_t bytes = core.keyspace.stripes.bytes();
  MovingHeap heap;
  Packer packer(core);
  packer.pack(heap, 1'000'000);
  CHECK(packer.rounds() == 1);
  CHECK(heap.moves > kKeys + 1);
  CHECK(packer.moved_bytes() > kKeys * 150);
  CHECK(core.keyspace.stripes.bytes() == bytes);
  check_accounting(node);
  for (int i = 0; i < kKeys; ++i) {
    node.with(i % 3, name_of(i), [&](Database& d, const Key& key) {
      REQUIRE(d.find(key).string() == std::string(static_cast<size_t>(i % 300), 'v'));
    });
  }
  node.with("big",
            [](Database& d, const Key& key) { CHECK(d.find(key).string() == std::string(100'000, 'b')); });
}

TEST_CASE("a large collection is packed in steps, all of it") {
  TestNode node(1, false);
  constexpr int kMembers = 5000;
  put_set(node, "set", kMembers);
  MovingHeap heap;
  Packer packer(node.engine().core());
  packer.pack(heap, 1'000'000);
  CHECK(heap.moves >= kMembers + 3);  // Elements and slots, the record and its table.
  CHECK(heap.moves <= kMembers + 16);
  check_accounting(node);
  node.with("set", [&](Database& d, const Key& key) {
    const Found found = d.find(key);
    CHECK(found.collection().size() == kMembers);
    for (int i = 0; i < kMembers; ++i) CHECK(found.collection().contains("member:" + std::to_string(i)));
  });
}

TEST_CASE("what a stripe's holder works on stays where it is") {
  TestNode node(1, false);
  put(node, "a", "1");
  MovingHeap heap;
  Packer packer(node.engine().core());
  Stripes& stripes = node.engine().core().keyspace.stripes;
  stripes.lock(stripe_of(Key("a").partition));
  packer.pack(heap, 1'000'000);
  CHECK(heap.moves == 0);
  stripes.unlock(stripe_of(Key("a").partition));
  packer.pack(heap, 1'000'000);
  CHECK(heap.moves == 2);
  CHECK(packer.rounds() == 2);
}

TEST_CASE("packing ends with its time and goes on from there") {
  RunningClock clock;
  CountingObserver observer;
  EngineCore core({}, clock, observer);
  MovingHeap heap;
  Packer packer(core);
  packer.pack(heap, 1000);
  CHECK(packer.rounds() == 0);
  for (int i = 0; i < 1000 && packer.rounds() == 0; ++i) packer.pack(heap, 1000);
  CHECK(packer.rounds() == 1);
}

}  // namespace starling::engine
