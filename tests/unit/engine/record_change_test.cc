// Every kind of change of a record keeps all that a change must keep, whenever it comes: what record_change.h lists.
// One that forgot to save, count, tag, tally, index, log or tell is seen here by its name; the random runs combine them
// (node_engine_test.cc, replication_test.cc).
#include "engine/change/record_change.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/change_list.h"
#include "engine/node/expirer.h"
#include "engine/record/record_delta.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/node_fixture.h"
#include "tests/unit/engine/random_run.h"
#include "tests/unit/engine/replicated_run.h"
#include "tests/unit/engine/tally_check.h"

namespace starling::engine {
namespace {

// In one partition.
const std::string kName = "{t}key";
const std::string kOther = "{t}other";

struct Hands {
  Operation& operation;
  Database database;
  Key key{kName};
  Key other{kOther};
  int64_t now_ms = operation.now_ms();
};
using Work = std::function<void(Hands&)>;

enum class Where { kBoth, kAlone, kCluster };

struct Kind {
  const char* name;
  Work before;
  Work change;
  int told;      // So often are watchers.
  int captured;  // So many keys are other replicas told of.
  Where where = Where::kBoth;
  int64_t wait_ms = 0;  // From one to the other.
};

Work put(std::string value, int64_t left_ms = 0) {
  return
      [=](Hands& h) { h.database.put_string(h.key, value, left_ms == 0 ? kNoDeadline : h.now_ms + left_ms); };
}
Work hash(int fields, int64_t left_ms = 0) {
  return [=](Hands& h) {
    OpenCollection open = h.database.open(h.key, Type::kHash);
    for (int i = 0; i < fields; ++i) open.put("f" + std::to_string(i), "v");
    if (left_ms != 0) h.database.set_deadline(h.key, h.now_ms + left_ms);
  };
}
Work deadline(int64_t left_ms) {
  return [=](Hands& h) { h.database.set_deadline(h.key, left_ms == 0 ? kNoDeadline : h.now_ms + left_ms); };
}
Work put_field(const char* field, std::string value) {
  return [=](Hands& h) { h.database.open(h.key, Type::kHash).put(field, value); };
}
Work remove_field(const char* field) {
  return [=](Hands& h) { h.database.open(h.key, Type::kHash).remove(field); };
}
Work both(Work first, Work second) {
  return [=](Hands& h) {
    first(h);
    second(h);
  };
}
const Work kNothing = [](Hands&) {};
const Work kRemove = [](Hands& h) { h.database.remove(h.key); };
const Work kFind = [](Hands& h) { (void)h.database.find(h.key); };
const Work kMove = [](Hands& h) { h.database.move(h.key, h.database, h.other); };
const Work kWhole = [](Hands& h) {
  auto made = std::make_unique<Collection>(Type::kSet);
  for (int i = 0; i < 5; ++i) made->put("m" + std::to_string(i), "");
  h.database.put_collection(h.key, std::move(made));
};
const Work kEdit = [](Hands& h) {
  h.database.edit_string(h.key, 7, [](std::span<char> bytes) { bytes[0] = 'X'; });
};
const Work kAdd = [](Hands& h) { h.database.add(h.key, 5, 2); };
const Work kAddToField = [](Hands& h) { h.database.open(h.key, Type::kHash).add("n", 0, 2); };

// --- What comes from a peer.
using Make = std::function<void(Change&)>;
// Later than what this node has done.
Dot peer_dot(const Hands& h) {
  static HybridClock clock;
  return {clock.next(h.now_ms + 10), 5};
}
// The state of a record that the peer has made by itself.
Work merge(Make make) {
  return [=](Hands& h) {
    Record record;
    Change change(&record, peer_dot(h), h.now_ms);
    make(change);
    (void)change.finish();
    std::string bytes;
    encode_record(record, &bytes);
    REQUIRE(Replica(h.operation, 0).merge_state(h.key, bytes) == MergeOutcome::kApplied);
  };
}
// A change that the peer has made of what is here.
Work merge_delta(Make make) {
  return [=](Hands& h) {
    std::string state, bytes;
    Record record;
    REQUIRE(Replica(h.operation, 0).append_state(h.key, &state));
    REQUIRE(decode_record(state, &record).ok());
    Change change(&record, peer_dot(h), h.now_ms);
    make(change);
    encode_delta(change.finish(), &bytes);
    REQUIRE(Replica(h.operation, 0).merge_delta(h.key, bytes) == MergeOutcome::kApplied);
  };
}
Make peer_string(std::string value) {
  return [=](Change& c) { c.put_string({}, value, 0); };
}
Make peer_field(std::string field, std::string value) {
  return [=](Change& c) { c.put_element(ElementKind::kField, field, value); };
}
const Work kForget = [](Hands& h) {
  std::string version;
  REQUIRE(Replica(h.operation, 0).append_version(h.key, &version));
  REQUIRE(Replica(h.operation, 0).forget(h.key, version));
};
const Work kVclock = [](Hands& h) {
  REQUIRE(Replica(h.operation, 0).set(h.key, {}, "beside", kNoDeadline, 10) == VclockOutcome::kApplied);
};
const Work kTwoValues = both(put("mine"), kVclock);
const Work kTwoActors = both(hash(3), merge_delta(peer_field("theirs", "v")));
const Work kBesideHidden = both(put("a"), merge(peer_field("f", "v")));

const std::vector<Kind>& kinds() {
  constexpr auto kCluster = Where::kCluster;
  static const std::vector<Kind> all = {
      {"a new string", kNothing, put("a"), 1, 1},
      {"a string of the same size", put("a"), put("b"), 1, 1},
      {"a longer string", put("a"), put("bbb"), 1, 1},
      {"a string that expires", put("a"), put("b", 500), 1, 1},
      {"a string that does not any more", put("a", 500), put("b"), 1, 1},
      {"a big string", put("a"), put(std::string(kBigValueBytes, 'b')), 1, 1},
      {"a string for a big one", put(std::string(kBigValueBytes, 'b')), put("a"), 1, 1},
      {"a string for a hash", hash(3), put("a"), 1, 1},
      {"a string for a deleted one", both(put("a"), kRemove), put("a"), 1, 1},
      {"an edited string", put("abc", 500), kEdit, 1, 1},
      {"a deleted string", put("a", 500), kRemove, 1, 1},
      {"a deleted hash", hash(3, 500), kRemove, 1, 1},
      {"a deadline", put("a"), deadline(500), 1, 1},
      {"an earlier deadline", put("a", 900), deadline(500), 1, 1},
      {"a later deadline", put("a", 200), deadline(500), 1, 1},
      {"no deadline", put("a", 500), deadline(0), 1, 1},
      {"a deadline that has passed", put("a"), deadline(-1), 1, 1},
      {"a string that expired", put("a", 5), kFind, 1, 0, Where::kBoth, 10},
      {"a hash's deadline", hash(3), deadline(500), 1, 1},
      {"a hash's later deadline", hash(3, 200), deadline(500), 1, 1},
      {"no deadline of a hash", hash(3, 500), deadline(0), 1, 1},
      {"a hash that expired", hash(3, 5), kFind, 1, 0, Where::kBoth, 10},
      {"a new hash", kNothing, hash(1), 1, 1},
      {"a hash for a deleted string", both(put("a"), kRemove), hash(1), 1, 1},
      {"a hash for a deleted hash", both(hash(3), kRemove), hash(1), 1, 1},
      {"a new field", hash(3), put_field("new", "v"), 1, 1},
      {"a field of the same size", hash(3), put_field("f1", "w"), 1, 1},
      {"a longer field", hash(3, 500), put_field("f1", "www"), 1, 1},
      {"a deleted field", hash(3), remove_field("f1"), 1, 1},
      {"a field that was deleted", both(hash(3), remove_field("f1")), put_field("f1", "v"), 1, 1},
      {"the last field deleted", hash(1, 500), remove_field("f0"), 1, 1},
      {"a set as a whole", kNothing, kWhole, 1, 1},
      {"a set as a whole for a hash", hash(3, 500), kWhole, 2, 1},
      {"an increment", put("5", 500), kAdd, 1, 1},
      {"an increment more", both(put("3"), kAdd), kAdd, 1, 1},
      {"an increment of a field", hash(2), kAddToField, 1, 1},
      {"an increment of a hash's first field", kNothing, kAddToField, 1, 1},
      {"a moved string", put("a", 500), kMove, 2, 2},
      {"a moved hash", hash(3), kMove, 2, 2},
      {"a moved hash that expires", hash(3, 500), kMove, 2, 2, Where::kAlone},
      {"a peer's string", kNothing, merge(peer_string("b")), 1, 0, kCluster},
      {"a peer's string beside one", put("a", 500), merge(peer_string("b")), 1, 0, kCluster},
      {"a peer's later string", merge(peer_string("a")), merge(peer_string("b")), 1, 0, kCluster},
      {"a peer's delete", merge(peer_string("a")), merge([](Change& c) { c.erase({}); }), 1, 0, kCluster},
      {"a peer's hash", kNothing, merge(peer_field("f", "v")), 1, 0, kCluster},
      {"a peer's hash beside one", hash(3), merge(peer_field("f1", "w")), 1, 0, kCluster},
      {"a peer's field", hash(3), merge_delta(peer_field("new", "v")), 1, 0, kCluster},
      {"a peer's change of a field", kTwoActors, merge_delta(peer_field("f1", "www")), 1, 0, kCluster},
      {"a peer's deletion of a field", hash(3),
       merge_delta([](Change& c) { c.remove_element(ElementKind::kField, "f1"); }), 1, 0, kCluster},
      {"a peer's deadline", hash(3), merge_delta([](Change& c) { c.set_deadline(1'700'000'000'500); }), 1, 0,
       kCluster},
      {"a peer's end of a deadline", hash(3, 500), merge_delta([](Change& c) { c.set_deadline(0); }), 1, 0,
       kCluster},
      {"a peer's increment", both(hash(2), kAddToField),
       merge_delta([](Change& c) { REQUIRE(c.add_to_field("n", 3)); }), 1, 0, kCluster},
      {"a string for two", kTwoValues, put("c"), 1, 1, kCluster},
      {"a deletion of two", kTwoValues, kRemove, 1, 1, kCluster},
      {"a deadline of two", kTwoValues, deadline(500), 1, 1, kCluster},
      {"an increment beside a peer's", merge(peer_string("5")), kAdd, 1, 1, kCluster},
      {"a field of two actors' hash", kTwoActors, put_field("f1", "www"), 1, 1, kCluster},
      {"a deleted field of it", kTwoActors, remove_field("theirs"), 1, 1, kCluster},
      {"a deadline of it", kTwoActors, deadline(500), 1, 1, kCluster},
      {"an increment in it", kTwoActors, kAddToField, 1, 1, kCluster},
      {"a deletion of it", kTwoActors, kRemove, 1, 1, kCluster},
      {"the first field of this node in a peer's hash", merge(peer_field("theirs", "v")), put_field("f", "v"),
       1, 1, kCluster},
      {"a string for a peer's hash", merge(peer_field("f", "v")), put("a"), 1, 1, kCluster},
      {"a field beside a hidden string", kBesideHidden, put_field("f", "w"), 1, 1, kCluster},
      {"a deadline beside a hidden string", kBesideHidden, deadline(500), 1, 1, kCluster},
      {"a peer's field beside a hidden string", kBesideHidden, merge_delta(peer_field("f", "w")), 1, 0,
       kCluster},
      {"a value beside another", put("a"), kVclock, 1, 1, kCluster},
      {"a record forgotten", merge(peer_string("a")), kForget, 0, 0, kCluster},
      {"a hash forgotten", merge(peer_field("f", "v")), kForget, 0, 0, kCluster},
  };
  return all;
}

// What both keys show, and in a cluster all that they are.
std::string shown(TestNode& node, bool replicated) {
  std::string text;
  for (const std::string& name : {kName, kOther}) {
    node.with(name, [&](Database& database, const Key& key) {
      const Found found = database.find(key, Touch::kNo);
      text += name + " " + (found ? std::to_string(static_cast<int>(found.type())) : "-");
      if (!found) return;
      text += " until " + std::to_string(found.deadline_ms()) + ":";
      if (found.type() == Type::kString) {
        text += found.string();
        return;
      }
      std::map<std::string, std::string> fields;
      found.collection().for_each([&](const auto& e) { fields.emplace(e.name, e.value); });
      for (const auto& [field, value] : fields) text += " " + field + "=" + value;
    });
    if (replicated) text += state_of(node, name) + version_of(node, name);
  }
  node.with(kName, [&](Database& database, const Key&) {
    text += std::to_string(database.size()) + "/" + std::to_string(database.size_with_deadline());
  });
  return text;
}

class OneChange {
 public:
  OneChange(const Kind& kind, bool replicated)
      : kind_(kind), replicated_(replicated), node_(1, true, replicated) {
    apply(kind.before);
    node_.clock.now_ms += kind.wait_ms;
    if (replicated) learn_tally(node_, partition_of(kName));
  }

  TestNode& node() { return node_; }

  void change() {
    const int told = node_.observer.modifications;
    const uint32_t count = change_count(node_.engine(), partition_of(kName));
    apply(kind_.change);
    CHECK(node_.observer.modifications - told == kind_.told);
    if (replicated_) CHECK(captured_.size() == static_cast<size_t>(kind_.captured));
    if (kind_.told + kind_.captured > 0) CHECK(change_count(node_.engine(), partition_of(kName)) != count);
    check();
    check_replay();
  }

  void check() {
    check_accounting(node_);
    if (replicated_) CHECK(check_tally(node_, partition_of(kName)));
  }

  // A crash now leaves what there is.
  void check_replay() {
    REQUIRE(node_.engine().commit().ok());
    TestNode other(++images_ * 1000, node_.image(), replicated_);
    CHECK(shown(other, replicated_) == shown(node_, replicated_));
    check_accounting(other);
    if (replicated_) {
      learn_tally(other, partition_of(kName));
      CHECK(check_tally(other, partition_of(kName)));
    }
  }

  // What has a deadline goes when that has passed, although nobody asks.
  void check_expiry() {
    uint64_t with_deadline = 0;
    node_.with(kName, [&](Database& d, const Key&) { with_deadline = d.size_with_deadline(); });
    const int expired = node_.observer.expirations;
    node_.clock.now_ms += 2000;
    Loader loader(node_.engine().core());
    Expirer expirer(node_.engine(), node_.engine().core(), loader);
    expirer.expire_in_memory(1'000'000);
    expirer.expire_in_store(1'000'000);
    CHECK(node_.observer.expirations - expired == static_cast<int>(with_deadline));
    node_.with(kName, [](Database& d, const Key&) { CHECK(d.size_with_deadline() == 0); });
    check_accounting(node_);
  }

 private:
  void apply(const Work& work) {
    const KeyRef keys[] = {{0, Key(kName)}, {0, Key(kOther)}};
    for (const KeyRef& key : keys) REQUIRE(Loader(node_.engine().core()).load(0, key.key).ok());
    Operation operation(node_.engine(), node_.clock.now_ms);
    if (replicated_) operation.capture(&captured_);
    operation.lock(keys);
    Hands hands{operation, operation.database(0)};
    work(hands);
    operation.finish();
  }

  const Kind& kind_;
  const bool replicated_;
  TestNode node_;
  ChangeList captured_;
  uint64_t images_ = 0;
};

// When a change comes: `checkpoints` before it, and beside one.
void try_all(bool replicated, int checkpoints, bool beside, bool evicted) {
  for (const Kind& kind : kinds()) {
    if (kind.where == (replicated ? Where::kAlone : Where::kCluster)) continue;
    CAPTURE(std::string(kind.name));
    OneChange one(kind, replicated);
    TestNode& node = one.node();
    for (int i = 0; i < checkpoints; ++i) REQUIRE(node.engine().checkpoint().ok());
    if (evicted) node.evict_everything();
    if (beside) {
      // The sweep has yet to come to the record when the store's hook is first called, and has it when it is again.
      int calls = 0;
      node.during_checkpoint = [&] {
        if (++calls == 1) one.change();
      };
      REQUIRE(node.engine().checkpoint().ok());
      node.during_checkpoint = nullptr;
      REQUIRE(calls > 0);
      one.check();
    } else {
      one.change();
    }
    one.check_replay();
    if (checkpoints > 0 || beside) {
      REQUIRE(node.engine().checkpoint().ok());
      one.check();
      one.check_replay();
    }  // Else the store knows of no deadline: the index must.
    one.check_expiry();
  }
}

TEST_CASE("record changes: each keeps all that a change must keep, on a node by itself") {
  SUBCASE("before any checkpoint") {
    try_all(false, 0, false, false);
  }
  SUBCASE("of what is stored") {
    try_all(false, 1, false, false);
  }
  SUBCASE("of what is only stored") {
    try_all(false, 1, false, true);
  }
  SUBCASE("beside the checkpoint that is to store it") {
    try_all(false, 0, true, false);
  }
  SUBCASE("beside a checkpoint that need not") {
    try_all(false, 1, true, false);
  }
}

TEST_CASE("record changes: each keeps all that a change must keep, in a cluster") {
  SUBCASE("before any checkpoint") {
    try_all(true, 0, false, false);
  }
  SUBCASE("of what is stored") {
    try_all(true, 1, false, false);
  }
  SUBCASE("of what is only stored") {
    try_all(true, 1, false, true);
  }
  SUBCASE("beside the checkpoint that is to store it") {
    try_all(true, 0, true, false);
  }
  SUBCASE("beside a checkpoint that need not") {
    try_all(true, 1, true, false);
  }
}

}  // namespace
}  // namespace starling::engine
