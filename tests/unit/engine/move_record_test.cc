// Moving records to other keys. Random histories with moves are in node_engine_test.cc and checkpointer_test.cc.
#include <doctest/doctest.h>

#include <string>

#include "engine/memory/collection.h"
#include "engine/record/record_codec.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr int kFields = 2000;

void fill(TestNode& node, const std::string& name) {
  node.with(name, [&](Database& d, const Key& key) {
    OpenCollection hash = d.open(key, Type::kHash);
    for (int i = 0; i < kFields; ++i) hash.put("field:" + std::to_string(i), std::to_string(i));
  });
}

void check_filled(TestNode& node, int index, const std::string& name) {
  node.with(index, name, [&](Database& d, const Key& key) {
    const Found found = d.find(key);
    REQUIRE(found);
    REQUIRE(found.type() == Type::kHash);
    REQUIRE(found.collection().size() == kFields);
    for (int i = 0; i < kFields; ++i)
      REQUIRE(found.collection().find("field:" + std::to_string(i)) == std::to_string(i));
  });
}

void check_absent(TestNode& node, int index, const std::string& name) {
  node.with(index, name, [&](Database& d, const Key& key) { REQUIRE_FALSE(d.find(key)); });
}

void move(TestNode& node, const KeyRef& from, const KeyRef& to) {
  node.with_both(from, to, [&](Database& d, Database& target) { d.move(from.key, target, to.key); });
}

}  // namespace

TEST_CASE("a moved hash is the very same elements, and little is logged") {
  TestNode node(1);
  fill(node, "from");
  REQUIRE(node.engine().commit().ok());
  const void* element = nullptr;
  node.with("from",
            [&](Database& d, const Key& key) { element = d.find(key).collection().find("field:7")->data(); });
  const uint64_t logged = node.log().appended();
  move(node, {0, Key("from")}, {0, Key("to")});
  REQUIRE(node.engine().commit().ok());
  CHECK(node.log().appended() - logged < 200);
  node.with("to", [&](Database& d, const Key& key) {
    CHECK(d.find(key).collection().find("field:7")->data() == element);
  });
  check_filled(node, 0, "to");
  check_absent(node, 0, "from");
  check_accounting(node);
}

TEST_CASE("a move survives a crash before and after the next checkpoint, and replaces what was there") {
  for (const bool stored_before : {false, true}) {
    for (const int target_index : {0, 5}) {
      TestNode node(2);
      fill(node, "from");
      node.with(target_index, "to", [](Database& d, const Key& key) {
        OpenCollection hash = d.open(key, Type::kHash);
        for (int i = 0; i < 50; ++i) hash.put("stale:" + std::to_string(i), "s");
      });
      if (stored_before) REQUIRE(node.engine().checkpoint().ok());
      move(node, {0, Key("from")}, {target_index, Key("to")});
      // The frame goes on with the moved collection.
      node.with(target_index, "to", [](Database& d, const Key& key) {
        OpenCollection hash = d.open(key, Type::kHash);
        hash.put("more", "m");
        hash.remove("more");
      });
      REQUIRE(node.engine().commit().ok());
      node.crash();
      check_filled(node, target_index, "to");
      check_absent(node, 0, "from");
      REQUIRE(node.engine().checkpoint().ok());
      node.evict_everything();
      check_filled(node, target_index, "to");
      check_absent(node, 0, "from");
      node.crash();
      check_filled(node, target_index, "to");
      check_absent(node, 0, "from");
      check_accounting(node);
    }
  }
}

TEST_CASE("a checkpoint under way stores what was there when it began, the move comes with the next") {
  TestNode node(3);
  fill(node, "from");
  REQUIRE(node.engine().commit().ok());
  int calls = 0;
  TestNode::Image image;
  node.during_checkpoint = [&] {
    if (calls == 0) move(node, {0, Key("from")}, {0, Key("to")});
    // The last one is after the run took effect, and before the log has the move.
    if (++calls > kFields) image = node.image();
  };
  REQUIRE(node.engine().checkpoint().ok());
  node.during_checkpoint = nullptr;
  TestNode before(4, image);
  check_absent(before, 0, "to");
  check_filled(before, 0, "from");
  REQUIRE(node.engine().commit().ok());
  REQUIRE(node.engine().checkpoint().ok());
  node.crash();
  check_filled(node, 0, "to");
  check_absent(node, 0, "from");
}

TEST_CASE("a single node's log with a move is replayed by a node of a cluster") {
  TestNode node(5);
  fill(node, "from");
  move(node, {0, Key("from")}, {0, Key("to")});
  node.with("to", [](Database& d, const Key& key) { d.open(key, Type::kHash).put("field:3", "3"); });
  REQUIRE(node.engine().commit().ok());
  TestNode member(6, node.image(), true);
  check_filled(member, 0, "to");
  check_absent(member, 0, "from");
}

TEST_CASE("so is one of a hash that was filled before a crash, and moved after it") {
  for (const bool mortal : {false, true}) {
    TestNode node(7);
    fill(node, "from");
    if (mortal) {
      node.with("from", [&](Database& d, const Key& key) {
        REQUIRE(d.set_deadline(key, node.clock.now_ms + 1'000'000));
      });
    }
    REQUIRE(node.engine().commit().ok());
    node.crash();
    move(node, {0, Key("from")}, {0, Key("to")});
    REQUIRE(node.engine().commit().ok());
    TestNode member(100, node.image(), true);
    check_filled(member, 0, "to");
    check_absent(member, 0, "from");
    const std::string state = state_of(member, "to");
    Record record;
    REQUIRE(decode_record(state, &record).ok());
    CHECK(record.context().stamp_of(node.actor()) > record.context().stamp_of(node.actor() - 1));
    CHECK(record.context().stamp_of(node.actor() - 1) != 0);
    // It goes on from there, in the store and over a crash.
    REQUIRE(member.engine().checkpoint().ok());
    member.evict_everything();
    CHECK(state_of(member, "to") == state);
    member.with("to", [](Database& d, const Key& key) { d.open(key, Type::kHash).put("field:3", "3"); });
    REQUIRE(member.engine().commit().ok());
    member.crash();
    check_filled(member, 0, "to");
    CHECK(decode_record(state_of(member, "to"), &record).ok());
    check_accounting(member);
  }
}

}  // namespace starling::engine
