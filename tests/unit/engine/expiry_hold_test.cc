// While expiry is held what is due stays, and nothing is forgotten.
#include "engine/core/expiry_hold.h"

#include "engine/core/loader.h"
#include "engine/node/expirer.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {
namespace {

constexpr int kAgingKeys = 100;

class HeldNode {
 public:
  explicit HeldNode(bool replicated) : node(1, false, replicated) {
    for (int i = 0; i < kAgingKeys; ++i) {
      node.with("key" + std::to_string(i), [&](Database& database, const Key& key) {
        database.put_string(key, "v", node.clock.now_ms + 1000);
      });
    }
    node.clock.now_ms += 60'000;
  }

  void expire() { (void)Expirer(node.engine(), node.engine().core(), loader_).expire_in_memory(1'000'000); }
  uint64_t size() {
    uint64_t found = 0;
    node.with("any", [&](Database& database, const Key&) { found = database.size(); });
    return found;
  }
  bool shows(const std::string& name) {
    bool found = false;
    node.with(name, [&](Database& database, const Key& key) { found = bool(database.find(key)); });
    return found;
  }
  void hold() { hold_expiry(node.engine(), node.clock.now_ms + 1'000'000); }

  TestNode node;

 private:
  Loader loader_{node.engine().core()};
};

TEST_CASE("expiry hold: what is due is not seen, and not removed, until it ends") {
  HeldNode held(false);
  held.hold();
  CHECK_FALSE(held.shows("key7"));
  CHECK(held.size() == kAgingKeys);
  CHECK(held.node.observer.expirations == 0);
  hold_expiry(held.node.engine(), 0);
  CHECK_FALSE(held.shows("key7"));
  CHECK(held.node.observer.expirations == 1);
  held.expire();
  CHECK(held.size() == 0);
}

TEST_CASE("expiry hold: one that begins while keys are being removed forgets none of them") {
  HeldNode held(false);
  held.node.observer.on_expired = [&] { held.hold(); };
  held.expire();
  hold_expiry(held.node.engine(), 0);
  held.expire();
  CHECK(held.size() == 0);
}

TEST_CASE("expiry hold: what somebody else decides on is left, and seen by whoever speaks for it") {
  HeldNode held(false);
  leave_expiry_to_others(held.node.engine(), true);
  hold_expiry(held.node.engine(), 0);  // A pause that ends changes nothing.
  CHECK_FALSE(held.shows("key7"));
  held.node.with_operation("key7", 0, [&](Operation& operation, const Key& key) {
    operation.treat_late(Late::kSeen);
    Database database = operation.database(0);
    CHECK(bool(database.find(key)));
    CHECK(database.set_deadline(key, held.node.clock.now_ms - 1));
    CHECK(bool(database.find(key)));
    CHECK(database.set_deadline(key, kNoDeadline));
  });
  CHECK(held.shows("key7"));
  CHECK(held.node.observer.expirations == 0);
  leave_expiry_to_others(held.node.engine(), false);
  held.expire();
  CHECK(held.size() == 1);
}

TEST_CASE("expiry hold: none in a cluster, where others go on writing what is to be removed") {
  HeldNode held(true);
  held.hold();
  CHECK_FALSE(held.shows("key7"));
  CHECK(held.node.observer.expirations == 1);
}

}  // namespace
}  // namespace starling::engine
