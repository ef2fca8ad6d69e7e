// Collections put as a whole, and copies. Random histories with such are in node_engine_test.cc and
// replication_test.cc.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "engine/memory/collection.h"
#include "engine/record/record_codec.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr int kFields = 2000;
constexpr int64_t kHour = 3'600'000;

std::string field(int i) {
  return "field:" + std::to_string(i);
}

void put_whole(TestNode& node, int index, const std::string& name) {
  auto hash = std::make_unique<Collection>(Type::kHash);
  hash->reserve(kFields);
  for (int i = 0; i < kFields; ++i) hash->put(field(i), std::to_string(i));
  node.with(index, name, [&](Database& d, const Key& key) { d.put_collection(key, std::move(hash)); });
}

void check_filled(TestNode& node, int index, const std::string& name) {
  node.with(index, name, [&](Database& d, const Key& key) {
    const Found found = d.find(key);
    REQUIRE(found);
    REQUIRE(found.type() == Type::kHash);
    REQUIRE(found.collection().size() == kFields);
    for (int i = 0; i < kFields; ++i) REQUIRE(found.collection().find(field(i)) == std::to_string(i));
  });
}

}  // namespace

TEST_CASE("a collection that is made apart holds each element once, the value put last") {
  Collection hash(Type::kHash), set(Type::kSet);
  CHECK(hash.put("f", "1"));
  CHECK(hash.put("g", ""));
  CHECK_FALSE(hash.put("f", "another"));
  CHECK(hash.size() == 2);
  CHECK(hash.find("f") == "another");
  CHECK(set.put("m", {}));
  CHECK_FALSE(set.put("m", {}));
  CHECK(set.size() == 1);
  const std::unique_ptr<Collection> copy = hash.copy();
  CHECK(copy->type() == Type::kHash);
  CHECK(copy->size() == 2);
  CHECK(copy->find("f") == "another");
  CHECK(copy->memory_bytes() <= hash.memory_bytes());
}

TEST_CASE("room that a collection did not need is not kept") {
  TestNode node(1);
  node.with("few", [](Database& d, const Key& key) {
    auto set = std::make_unique<Collection>(Type::kSet);
    set->reserve(100'000);
    set->put("m", {});
    d.put_collection(key, std::move(set));
    CHECK(d.find(key).memory_bytes() < 1000);
  });
  check_accounting(node);
}

TEST_CASE("a collection that is put replaces what was there, over crashes and checkpoints") {
  for (const bool replicated : {false, true}) {
    for (const bool stored_before : {false, true}) {
      TestNode node(2, true, replicated);
      node.with("key", [&](Database& d, const Key& key) {
        OpenCollection set = d.open(key, Type::kSet);
        for (int i = 0; i < 50; ++i) set.put("stale:" + std::to_string(i), {});
        d.set_deadline(key, node.clock.now_ms + kHour);
      });
      if (stored_before) REQUIRE(node.engine().checkpoint().ok());
      put_whole(node, 0, "key");
      check_accounting(node);
      // The frame goes on with it.
      node.with("key", [](Database& d, const Key& key) {
        OpenCollection hash = d.open(key, Type::kHash);
        hash.put("more", "m");
        hash.remove("more");
        CHECK(d.find(key).deadline_ms() == kNoDeadline);
      });
      REQUIRE(node.engine().commit().ok());
      const std::string state = replicated ? state_of(node, "key") : "";
      const auto check = [&] {
        check_filled(node, 0, "key");
        if (replicated) CHECK(state_of(node, "key") == state);
        check_accounting(node);
      };
      node.crash();
      check();
      REQUIRE(node.engine().checkpoint().ok());
      node.evict_everything();
      check();
      node.crash();
      check();
    }
  }
}

TEST_CASE("a checkpoint under way stores what was there when it began, the collection comes with the next") {
  TestNode node(3);
  put_whole(node, 0, "other");
  node.with("key", [](Database& d, const Key& key) { d.put_string(key, "text", kNoDeadline); });
  REQUIRE(node.engine().commit().ok());
  bool changed = false;
  node.during_checkpoint = [&] {
    if (!std::exchange(changed, true)) put_whole(node, 0, "key");
  };
  REQUIRE(node.engine().checkpoint().ok());
  node.during_checkpoint = nullptr;
  REQUIRE(changed);
  REQUIRE(node.engine().commit().ok());
  node.crash();
  check_filled(node, 0, "key");
  REQUIRE(node.engine().checkpoint().ok());
  node.evict_everything();
  check_filled(node, 0, "key");
}

TEST_CASE("in a cluster all of a collection that is put is shipped, and covers what it replaced") {
  for (const bool there_before : {false, true}) {
    TestNode node(4, true, true), peer(5, true, true);
    if (there_before) {
      node.with("key", [](Database& d, const Key& key) { d.open(key, Type::kSet).put("stale", {}); });
      const std::string state = state_of(node, "key");
      peer.with_operation("key", 0, [&](Operation& operation, const Key& key) {
        REQUIRE(Replica(operation, 0).merge_state(key, state) == MergeOutcome::kApplied);
      });
    }
    ChangeList changes;
    node.with_operation("key", 0, [&](Operation& operation, const Key& key) {
      operation.capture(&changes);
      auto hash = std::make_unique<Collection>(Type::kHash);
      for (int i = 0; i < kFields; ++i) hash->put(field(i), std::to_string(i));
      operation.database(0).put_collection(key, std::move(hash));
    });
    REQUIRE(changes.size() == 1);
    REQUIRE(changes[0].kind == ChangeKind::kState);
    peer.with_operation("key", 0, [&](Operation& operation, const Key& key) {
      REQUIRE(Replica(operation, 0).merge_state(key, changes[0].bytes) == MergeOutcome::kApplied);
    });
    check_filled(peer, 0, "key");
    CHECK(state_of(peer, "key") == state_of(node, "key"));
    // Its elements are events of their own.
    node.with("key", [](Database& d, const Key& key) { d.open(key, Type::kHash).put("field:1", "new"); });
    CHECK(state_of(peer, "key") != state_of(node, "key"));
  }
}

TEST_CASE("a copy shows what the original does, counters too, and lasts when that goes") {
  for (const bool replicated : {false, true}) {
    TestNode node(6, true, replicated);
    put_whole(node, 0, "from");
    node.with("from", [&](Database& d, const Key& key) {
      OpenCollection hash = d.open(key, Type::kHash);
      CHECK(hash.add("field:0", 0, 7) == 7);
      CHECK(hash.add("field:0", 7, -7) == 0);
      hash.put("gone", "x");
      hash.remove("gone");
      d.set_deadline(key, node.clock.now_ms + kHour);
    });
    node.with_both({0, Key("from")}, {3, Key("to")}, [](Database& d, Database& target) {
      d.copy(Key("from"), target, Key("to"));
      CHECK(d.remove(Key("from")));
    });
    node.with(3, "to", [&](Database& d, const Key& key) {
      CHECK(d.find(key).deadline_ms() == node.clock.now_ms + kHour);
    });
    check_filled(node, 3, "to");
    REQUIRE(node.engine().commit().ok());
    node.crash();
    check_filled(node, 3, "to");
    check_accounting(node);
  }
}

}  // namespace starling::engine
