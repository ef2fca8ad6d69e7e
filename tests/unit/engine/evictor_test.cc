#include "engine/node/evictor.h"

#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {

namespace {

constexpr int kKeys = 20000;

std::string name_of(int i) {
  return "key:" + std::to_string(i);
}

void fill(TestNode& node, const std::function<int64_t(int)>& deadline_ms) {
  for (int i = 0; i < kKeys; ++i) {
    node.with(name_of(i),
              [&](Database& d, const Key& key) { d.put_string(key, std::string(100, 'v'), deadline_ms(i)); });
  }
}

// Halves what records may take and evicts down to it. False when the evictor gave up before.
bool halve(TestNode& node, EvictionPolicy policy) {
  EngineCore& core = node.engine().core();
  node.engine().set_policy(policy, 10);
  Evictor evictor(core);
  evictor.set_budget(core.keyspace.stripes.bytes() / 2);
  SeededRandom random(1);
  return evictor.make_room(1 << 20, random);
}

int left(TestNode& node, int from, int to) {
  int count = 0;
  for (int i = from; i < to; ++i) {
    node.with(name_of(i), [&](Database& d, const Key& key) { count += d.find(key, Touch::kNo) ? 1 : 0; });
  }
  return count;
}

}  // namespace

TEST_CASE("noeviction evicts nothing and says so") {
  TestNode node(1, false);
  fill(node, [](int) { return kNoDeadline; });
  CHECK_FALSE(halve(node, EvictionPolicy::kNoEviction));
  CHECK(left(node, 0, kKeys) == kKeys);
}

TEST_CASE("allkeys-lru keeps what was used last") {
  TestNode node(1, false);
  fill(node, [](int) { return kNoDeadline; });
  node.clock.now_ms += 100'000;
  for (int i = 0; i < kKeys / 2; ++i) {
    node.with(name_of(i), [](Database& d, const Key& key) { (void)d.find(key); });
  }
  CHECK(halve(node, EvictionPolicy::kAllKeysLru));
  CHECK(left(node, 0, kKeys / 2) > left(node, kKeys / 2, kKeys) * 3);
  CHECK(node.observer.evictions > kKeys / 3);
}

TEST_CASE("allkeys-lfu keeps what was used often") {
  TestNode node(1, false);
  node.engine().set_policy(EvictionPolicy::kAllKeysLfu, 10);
  fill(node, [](int) { return kNoDeadline; });
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < kKeys / 2; ++i) {
      node.with(name_of(i), [](Database& d, const Key& key) { (void)d.find(key); });
    }
  }
  CHECK(halve(node, EvictionPolicy::kAllKeysLfu));
  CHECK(left(node, 0, kKeys / 2) > left(node, kKeys / 2, kKeys) * 3);
}

TEST_CASE("volatile policies leave keys without a deadline alone") {
  for (const EvictionPolicy policy : {EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu,
                                      EvictionPolicy::kVolatileRandom, EvictionPolicy::kVolatileTtl}) {
    TestNode node(1, false);
    fill(node, [&](int i) { return i < kKeys / 4 ? kNoDeadline : node.clock.now_ms + 1'000'000 + i * 1000; });
    CHECK(halve(node, policy));
    CHECK(left(node, 0, kKeys / 4) == kKeys / 4);
  }
}

TEST_CASE("volatile-ttl drops what expires first") {
  TestNode node(1, false);
  fill(node, [&](int i) { return node.clock.now_ms + 1'000'000 + i * 1000; });
  CHECK(halve(node, EvictionPolicy::kVolatileTtl));
  CHECK(left(node, kKeys / 2, kKeys) > left(node, 0, kKeys / 2) * 3);
}

TEST_CASE("volatile policies give up when no key has a deadline") {
  TestNode node(1, false);
  fill(node, [](int) { return kNoDeadline; });
  CHECK_FALSE(halve(node, EvictionPolicy::kVolatileLru));
  CHECK(left(node, 0, kKeys) == kKeys);
}

TEST_CASE("with a store eviction takes clean records only, and loses nothing") {
  TestNode node(1);
  fill(node, [](int) { return kNoDeadline; });
  CHECK_FALSE(halve(node, EvictionPolicy::kAllKeysLru));
  CHECK(node.engine().statistics().evicted == 0);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(halve(node, EvictionPolicy::kNoEviction));
  CHECK(node.engine().statistics().evicted > kKeys / 3);
  CHECK(node.observer.evictions == 0);
  CHECK(left(node, 0, kKeys) == kKeys);
}

}  // namespace starling::engine
