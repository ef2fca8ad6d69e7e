#include "engine/core/hint_table.h"

#include <set>
#include <utility>

#include "engine/core/core.h"
#include "engine/record/record.h"
#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/node_fixture.h"
#include "tests/unit/resp/seed.h"

namespace starling::engine {
namespace {

using Names = std::set<std::pair<std::string, std::string>>;

class HintNode : public TestNode {
 public:
  explicit HintNode(uint64_t seed = 1) : TestNode(seed, true, true) {}

  HintTable& hints() { return hints_of(engine()); }
  HintOutcome keep(const std::string& key, const std::string& target) {
    HintOutcome outcome = HintOutcome::kNoRoom;
    with_operation(key, 0, [&](Operation& operation, const Key& k) {
      outcome = operation.keep_hint({0, k}, target);
    });
    return outcome;
  }
  bool delivered(const std::string& key, const std::string& target) {
    bool gone = false;
    with_operation(key, 0, [&](Operation& operation, const Key& k) {
      gone = operation.hint_delivered({0, k}, target);
    });
    return gone;
  }
  void put(const std::string& key, const std::string& value) {
    with(key, [&](Database& database, const Key& k) { database.put_string(k, value, kNoDeadline); });
  }
  bool merge(const std::string& key, const std::string& state) {
    MergeOutcome outcome = MergeOutcome::kCorrupt;
    with_operation(key, 0, [&](Operation& operation, const Key& k) {
      outcome = Replica(operation, 0).merge_state(k, state);
    });
    return outcome == MergeOutcome::kApplied;
  }
  std::string state(const std::string& key) {
    std::string bytes;
    with_operation(key, 0, [&](Operation& operation, const Key& k) {
      (void)Replica(operation, 0).append_state(k, &bytes);
    });
    return bytes;
  }
  std::string version(const std::string& key) {
    std::string bytes;
    with_operation(key, 0, [&](Operation& operation, const Key& k) {
      (void)Replica(operation, 0).append_version(k, &bytes);
    });
    return bytes;
  }
  bool forget(const std::string& key, const std::string& context) {
    bool gone = false;
    with_operation(
        key, 0, [&](Operation& operation, const Key& k) { gone = Replica(operation, 0).forget(k, context); });
    return gone;
  }
  Names names() {
    Names names;
    for (const HintName& hint : hints().names()) names.emplace(hint.target, hint.key);
    return names;
  }
  size_t stored_rows() {
    size_t rows = 0;
    const auto iterator = store().iterate(Family::kHints, std::string(), std::string(1, '\xff'));
    for (; iterator->valid(); iterator->next()) ++rows;
    return rows;
  }
  void restart() {
    REQUIRE(engine().commit().ok());
    crash();
  }
};

TEST_CASE("hints: one for each key and target, in the frame of the change") {
  HintNode node;
  const LogPosition before = node.log().appended();
  node.with_operation("a", 0, [&](Operation& operation, const Key& key) {
    CHECK(operation.keep_hint({0, key}, "x") == HintOutcome::kKept);
    operation.database(0).put_string(key, "value", kNoDeadline);
  });
  CHECK(node.log().appended() > before);
  CHECK(node.keep("a", "x") == HintOutcome::kKnown);
  CHECK(node.keep("a", "y") == HintOutcome::kKept);
  CHECK(node.hints().waiting("x") == 1);
  CHECK(node.hints().partitions().count() == 1);
  CHECK(node.hints().partitions()[partition_of("a")]);
  // What was not committed is gone as a whole.
  node.put("b", "value");
  node.crash();
  CHECK(node.names().empty());
  CHECK(node.state("a").empty());
}

TEST_CASE("hints: a crash takes none, before a checkpoint and after it") {
  HintNode node;
  for (const char* key : {"a", "b", "c"}) CHECK(node.keep(key, "x") == HintOutcome::kKept);
  const Names all{{"x", "a"}, {"x", "b"}, {"x", "c"}};
  node.restart();
  CHECK(node.names() == all);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.stored_rows() == 3);
  node.restart();
  CHECK(node.names() == all);
  CHECK(node.hints().report().front().oldest_ms == node.clock.now_ms);
}

TEST_CASE("hints: a delivered one is gone for good, and leaves nothing") {
  HintNode node;
  for (const char* key : {"a", "b"}) (void)node.keep(key, "x");
  REQUIRE(node.engine().checkpoint().ok());
  (void)node.keep("c", "x");
  CHECK(node.hints().take("x", 10).size() == 3);
  CHECK(node.hints().take("x", 10).empty());
  CHECK(node.delivered("a", "x"));
  CHECK(node.delivered("c", "x"));
  node.restart();
  CHECK(node.names() == Names{{"x", "b"}});
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.stored_rows() == 1);
  (void)node.hints().take("x", 1);
  CHECK(node.delivered("b", "x"));
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.stored_rows() == 0);
  CHECK(node.hints().bytes() == 0);
  CHECK(node.hints().partitions().none());
  node.restart();
  CHECK(node.names().empty());
}

TEST_CASE("hints: a key that changes while its record is under way waits once more") {
  HintNode node;
  (void)node.keep("a", "x");
  CHECK(node.hints().take("x", 1).size() == 1);
  CHECK(node.keep("a", "x") == HintOutcome::kKnown);
  CHECK_FALSE(node.delivered("a", "x"));
  CHECK(node.hints().take("x", 1).size() == 1);
  node.hints().restore("x", {0, "a"});
  CHECK(node.hints().take("x", 1).size() == 1);
  CHECK(node.delivered("a", "x"));
}

TEST_CASE("hints: the oldest first; what is over the bound is not kept") {
  HintNode node;
  for (int i = 0; i < 100; ++i) (void)node.keep("key" + std::to_string(i), "x");
  const std::vector<WaitingHint> first = node.hints().take("x", 2);
  CHECK(first[0].key == "key0");
  CHECK(first[1].key == "key1");
  node.hints().set_max_bytes(node.hints().bytes());
  CHECK(node.keep("one more", "x") == HintOutcome::kNoRoom);
  CHECK(node.keep("key7", "x") == HintOutcome::kKnown);
  CHECK(node.hints().waiting("x") == 100);
  // The log may hold more than there is room for: it was acknowledged.
  node.restart();
  CHECK(node.hints().waiting("x") == 100);
}

TEST_CASE("hints: a flush takes those of its database") {
  HintNode node;
  (void)node.keep("a", "x");
  REQUIRE(node.engine().checkpoint().ok());
  (void)node.keep("b", "x");
  Operation operation(node.engine(), node.clock.now_ms);
  operation.lock_all();
  operation.flush_database(0);
  operation.finish();
  CHECK(node.names().empty());
  (void)node.keep("c", "x");
  node.restart();
  CHECK(node.names() == Names{{"x", "c"}});
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.stored_rows() == 1);
}

TEST_CASE("hints: those too old, of chosen partitions") {
  HintNode node;
  (void)node.keep("a", "x");
  node.clock.now_ms += 10;
  (void)node.keep("b", "x");
  const int64_t now_ms = node.clock.now_ms;
  const auto all = [](uint16_t) { return true; };
  CHECK(node.hints().older_than("x", now_ms, 10, all).size() == 1);
  CHECK(node.hints().older_than("x", now_ms + 1, 10, all).size() == 2);
  CHECK(node.hints().older_than("x", now_ms + 1, 1, all).size() == 1);
  CHECK(node.hints().older_than("x", now_ms + 1, 10, [](uint16_t) { return false; }).empty());
}

// Random hints, deliveries, checkpoints (some fail) and crashes, against a model.
TEST_CASE("hints: random histories") {
  const uint64_t seed = resp::test_seed("hints: random histories");
  SeededRandom random(seed);
  HintNode node(seed | 1);
  Names model;
  std::set<std::pair<std::string, std::string>> under_way;
  for (int step = 0; step < 4000; ++step) {
    const std::string key = "key" + std::to_string(random.next() % 40);
    const std::string target = random.next() % 2 == 0 ? "x" : "y";
    switch (random.next() % 8) {
      case 0:
      case 1:
      case 2:
        (void)node.keep(key, target);
        model.emplace(target, key);
        under_way.erase({target, key});
        break;
      case 3:
        for (const WaitingHint& hint : node.hints().take(target, 5)) under_way.emplace(target, hint.key);
        break;
      case 4:
      case 5:
        if (under_way.empty()) break;
        {
          const auto done = *under_way.begin();
          under_way.erase(under_way.begin());
          CHECK(node.delivered(done.second, done.first));
          model.erase(done);
        }
        break;
      case 6:
        if (random.next() % 4 != 0) break;
        node.store().set_full(random.next() % 3 == 0);
        (void)node.engine().checkpoint();
        node.store().set_full(false);
        break;
      default:
        if (random.next() % 8 != 0) break;
        node.restart();
        under_way.clear();
    }
    if (step % 16 == 0) REQUIRE(node.names() == model);
  }
  node.restart();
  REQUIRE(node.names() == model);
  REQUIRE(node.engine().checkpoint().ok());
  CHECK(node.stored_rows() == model.size());
}

TEST_CASE("forget: a record that was kept for others goes without a trace") {
  HintNode author(100), node(200);
  author.put("a", "value");
  author.with("set",
              [](Database& database, const Key& key) { database.open(key, Type::kSet).put("member", ""); });
  for (const char* key : {"a", "set"}) REQUIRE(node.merge(key, author.state(key)));
  bool stored = false;
  SUBCASE("from memory and the log") {}
  SUBCASE("from the store") {
    stored = true;
  }
  if (stored) REQUIRE(node.engine().checkpoint().ok());
  for (const char* key : {"a", "set"}) CHECK(node.forget(key, node.version(key)));
  CHECK(node.scan().empty());
  CHECK(node.version("a").empty());
  node.restart();
  CHECK(node.version("a").empty());
  CHECK(node.version("set").empty());
  REQUIRE(node.engine().checkpoint().ok());
  node.evict_everything();
  CHECK(node.version("a").empty());
  uint64_t cursor = 0;
  size_t seen = 0;
  for (const char* key : {"a", "set"}) {
    REQUIRE(scan_versions(node.engine(), partition_of(key), &cursor, 100, [&](const VisitedVersion&) {
              ++seen;
            }).ok());
  }
  CHECK(seen == 0);
  // Nothing stands in the way of the record when it comes again.
  REQUIRE(node.merge("set", author.state("set")));
  CHECK(node.state("set") == author.state("set"));
  node.restart();
  CHECK(node.state("set") == author.state("set"));
}

TEST_CASE("forget: not what has changed, waits for somebody, or has this incarnation's events") {
  HintNode author(100), node(200);
  author.put("a", "value");
  REQUIRE(node.merge("a", author.state("a")));
  const std::string handed_over = node.version("a");
  author.put("a", "newer");
  REQUIRE(node.merge("a", author.state("a")));
  CHECK_FALSE(node.forget("a", handed_over));
  (void)node.keep("a", "x");
  CHECK_FALSE(node.forget("a", node.version("a")));
  (void)node.hints().take("x", 1);
  CHECK(node.delivered("a", "x"));
  node.put("a", "own");
  CHECK_FALSE(node.forget("a", node.version("a")));
  // The next incarnation claims nothing of this one.
  node.restart();
  CHECK(node.forget("a", node.version("a")));
}

TEST_CASE("forget: a floor is nobody's event, but this incarnation's may be below it") {
  HintNode node(200);
  const Stamp stamp = static_cast<Stamp>(node.clock.now_ms) << 16;
  const Dot others{stamp, 7};
  const auto record_of = [&](Stamp floor, Siblings siblings) {
    VersionVector context{others};
    context.raise_floor(floor);
    RecordAssembly assembly(context);
    REQUIRE(assembly.add(ElementKind::kValue, "", std::move(siblings)));
    std::string bytes;
    encode_record(assembly.take(), &bytes);
    return bytes;
  };
  REQUIRE(node.merge("a", record_of(stamp - 2, {{others, "value"}})));
  CHECK(node.forget("a", node.version("a")));
  CHECK(node.version("a").empty());
  // What it wrote is still there, and its next event would claim to have seen it.
  const Dot own{stamp - 3, node.actor()};
  REQUIRE(node.merge("b", record_of(stamp - 2, {{own, "own"}, {others, "value"}})));
  CHECK_FALSE(node.forget("b", node.version("b")));
}

}  // namespace
}  // namespace starling::engine
