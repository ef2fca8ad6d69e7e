// What a node does with a partition that it is no replica of any more: nothing is settled there, its events are
// another actor's, and the records go.
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr int kKeys = 40;

struct Lost {
  Lost() : node(1000, true, true) {}
  static std::string name(int i) { return "{p}" + std::to_string(i); }
  static uint16_t partition() { return Key("{p}").partition; }
  void set(const std::string& name, const std::string& value) {
    node.with(name,
              [&](Database& database, const Key& key) { database.put_string(key, value, kNoDeadline); });
  }
  std::optional<std::string> get(const std::string& name) {
    std::optional<std::string> value;
    node.with(name, [&](Database& database, const Key& key) {
      if (const Found found = database.find(key)) value = std::string(found.string());
    });
    return value;
  }
  void settle_all() {
    node.clock.now_ms += 10;
    const Stamp stamp = promise_stamp(node.engine(), node.clock.now_ms).stamp;
    REQUIRE(settle(node.engine(), partition(), stamp, change_count(node.engine(), partition()),
                   node.clock.now_ms));
  }
  uint64_t forget(bool allowed = true) {
    uint64_t cursor = 0, forgotten = 0;
    do {
      REQUIRE(forget_partition(
                  node.engine(), partition(), &cursor, 7, node.clock.now_ms, [allowed] { return allowed; },
                  &forgotten)
                  .ok());
      REQUIRE(node.engine().commit().ok());
    } while (cursor != 0);
    return forgotten;
  }
  size_t records() {
    size_t count = 0;
    uint64_t cursor = 0;
    do {
      REQUIRE(scan_all_versions(node.engine(), partition(), &cursor, 100, [&](const VisitedVersion&) {
                ++count;
              }).ok());
    } while (cursor != 0);
    return count;
  }

  TestNode node;
};

}  // namespace

TEST_CASE(
    "lost partition: all records go, of memory and of the store, once the node's events are another "
    "actor's") {
  Lost lost;
  for (int i = 0; i < kKeys; ++i) lost.set(Lost::name(i), "v");
  REQUIRE(lost.node.engine().checkpoint().ok());
  lost.set("{p}later", "v");
  lost.set("{q}", "stays");
  CHECK_MESSAGE(lost.forget() == 0, "its next event would claim to have seen what it has forgotten");
  REQUIRE(lost.node.engine().renew_actor(77));
  CHECK_MESSAGE(lost.forget(false) == 0, "the partition may have come back meanwhile");
  CHECK(lost.forget() == kKeys + 1);
  CHECK(lost.records() == 0);
  CHECK(lost.get("{q}") == "stays");
  lost.node.crash();
  CHECK(lost.records() == 0);
  CHECK(lost.get("{q}") == "stays");
}

TEST_CASE("lost partition: an event of the new actor supersedes nothing that it has not seen") {
  Lost lost;
  lost.set("{p}k", "before");
  const std::string before = state_of(lost.node, "{p}k");
  REQUIRE(lost.node.engine().renew_actor(77));
  REQUIRE(lost.forget() == 1);
  lost.set("{p}k", "after");
  CHECK(incarnation(lost.node.engine()).actor == 77);
  lost.node.with_operation("{p}k", 0, [&](Operation& operation, const Key& key) {
    Replica replica(operation, 0);
    CHECK(replica.merge_state(key, before) == MergeOutcome::kApplied);
    CHECK_MESSAGE(replica.versions(key).siblings.size() == 2, "both are there");
  });
}

TEST_CASE("lost partition: what was settled is not, over a crash and a checkpoint as well") {
  for (const bool checkpointed : {false, true}) {
    const bool marked = checkpointed;
    Lost lost;
    lost.set("{p}k", "v");
    lost.settle_all();
    REQUIRE(settled_up_to(lost.node.engine(), Lost::partition()) != 0);
    if (checkpointed) REQUIRE(lost.node.engine().checkpoint().ok());
    unsettle(lost.node.engine(), Lost::partition(), marked, lost.node.clock.now_ms);
    REQUIRE(lost.node.engine().commit().ok());
    CHECK(settled_up_to(lost.node.engine(), Lost::partition()) == (marked ? kLost : 0));
    lost.node.crash();
    CHECK(is_lost(lost.node.engine(), Lost::partition()) == marked);
    REQUIRE(lost.node.engine().checkpoint().ok());
    lost.node.crash();
    CHECK(settled_up_to(lost.node.engine(), Lost::partition()) == (marked ? kLost : 0));
    CHECK(lost.get("{p}k") == "v");
  }
}

}  // namespace starling::engine
