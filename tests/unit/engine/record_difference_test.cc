#include "engine/replica/record_difference.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/core/core.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {
namespace {

constexpr uint64_t kAnySize = 1;

std::string member(uint64_t number) {
  return "m" + std::to_string(number);
}

void put(TestNode& node, uint64_t number, const std::string& value, Type type = Type::kHash) {
  node.with("k", [&](Database& database, const Key& key) {
    database.open(key, type).put(member(number), type == Type::kSet ? "" : value);
  });
}

void take(TestNode& node, uint64_t number) {
  node.with("k", [&](Database& database, const Key& key) {
    if (const Found found = database.find(key)) database.open(key, found.type()).remove(member(number));
  });
}

std::string state(TestNode& node) {
  std::string bytes;
  node.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    (void)Replica(operation, 0).append_state(key, &bytes);
  });
  return bytes;
}

std::string version(TestNode& node) {
  std::string bytes;
  node.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    (void)Replica(operation, 0).append_version(key, &bytes);
  });
  return bytes;
}

void merge_whole(TestNode& node, const std::string& bytes) {
  MergeOutcome outcome{};
  node.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    outcome = Replica(operation, 0).merge_state(key, bytes);
  });
  REQUIRE((outcome == MergeOutcome::kApplied || outcome == MergeOutcome::kUnchanged));
}

// Once all have all, up to a stamp below that of every later event.
void settle_all(const std::vector<std::unique_ptr<TestNode>>& nodes) {
  Stamp stamp = UINT64_MAX;
  for (const auto& to : nodes) {
    for (const auto& from : nodes) {
      if (to != from && !state(*from).empty()) merge_whole(*to, state(*from));
    }
  }
  for (const auto& node : nodes) stamp = std::min(stamp, node->engine().core().hybrid_clock.last());
  if (stamp == 0) return;
  for (const auto& node : nodes) {
    node->with_operation("k", 0, [&](Operation& operation, const Key& key) {
      Replica(operation, 0).settle(key.partition, stamp);
    });
  }
}

struct Exchange {
  int rounds = 0;
  size_t bytes = 0;
  bool whole = false;
};

MergeOutcome merge(TestNode& to, const std::string& bytes, std::string* listed, bool* whole) {
  MergeOutcome outcome{};
  to.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    outcome = merge_difference(operation, 0, key, bytes, listed, whole);
  });
  return outcome;
}

// As the coordinator and the replica do it; `between` runs while the first difference is on its way.
Exchange bring(TestNode& from, TestNode& to, const std::function<void()>& between = {}) {
  Exchange exchange;
  std::string bytes, seen, listed;
  bool whole = false;
  from.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    exchange.whole = !worth_a_difference(operation, 0, key, kAnySize);
    if (!exchange.whole) append_probe(operation, 0, key, &bytes);
  });
  if (exchange.whole) {
    merge_whole(to, state(from));
    return exchange;
  }
  MergeOutcome outcome = merge(to, bytes, &listed, &whole);
  for (; outcome == MergeOutcome::kGap && exchange.rounds < 6; ++exchange.rounds) {
    seen = whole ? "" : version(to);
    bytes.clear();
    bool appended = false;
    from.with_operation("k", 0, [&](Operation& operation, const Key& key) {
      appended = append_difference(operation, 0, key, seen, listed, &bytes, kAnySize);
    });
    if (between && exchange.rounds == 0) between();
    if (!appended) {
      exchange.whole = true;
      merge_whole(to, state(from));
      return exchange;
    }
    exchange.bytes += bytes.size();
    outcome = merge(to, bytes, &listed, &whole);
  }
  REQUIRE((outcome == MergeOutcome::kApplied || outcome == MergeOutcome::kUnchanged));
  return exchange;
}

}  // namespace

TEST_CASE("difference: what is new comes alone, in one round") {
  TestNode a(1000, true, true), b(2000, true, true);
  for (uint64_t i = 0; i < 2000; ++i) put(a, i, "value");
  merge_whole(b, state(a));
  for (uint64_t i = 1990; i < 2010; ++i) put(a, i, "another");
  const Exchange exchange = bring(a, b);
  CHECK(exchange.rounds == 1);
  CHECK_FALSE(exchange.whole);
  CHECK(exchange.bytes < state(a).size() / 20);
  CHECK(state(b) == state(a));
  CHECK(bring(a, b).rounds == 0);
}

TEST_CASE("difference: what was removed goes, in two rounds") {
  TestNode a(1000, true, true), b(2000, true, true);
  for (uint64_t i = 0; i < 4000; ++i) put(a, i, "value", Type::kSet);
  merge_whole(b, state(a));
  for (const uint64_t i : {7, 77, 777}) take(a, i);
  put(a, 5000, "", Type::kSet);
  const Exchange exchange = bring(a, b);
  CHECK(exchange.rounds == 2);
  CHECK_FALSE(exchange.whole);
  CHECK(exchange.bytes < state(a).size() / 5);
  CHECK(state(b) == state(a));
}

TEST_CASE("difference: what the copy learns while one is on its way is not lost, and hides nothing") {
  TestNode a(1000, true, true), b(2000, true, true);
  for (uint64_t i = 0; i < 300; ++i) put(a, i, "value");
  merge_whole(b, state(a));
  put(a, 1, "newer");
  SUBCASE("its own write") {
    (void)bring(a, b, [&] { put(b, 1000, "of b"); });
  }
  SUBCASE("an element of the sender that is removed there by then") {
    put(a, 1001, "passing");
    const std::string passing = state(a);
    take(a, 1001);
    (void)bring(a, b, [&] { merge_whole(b, passing); });
  }
  SUBCASE("a removal of its own") {
    (void)bring(a, b, [&] { take(b, 3); });
  }
  SUBCASE("the whole key goes") {
    (void)bring(a, b, [&] { b.with("k", [](Database& database, const Key& key) { database.remove(key); }); });
  }
  (void)bring(b, a);
  CHECK(state(b) == state(a));
}

TEST_CASE("difference: what was stamped far ahead and is stamped anew is taken; what still is, is refused") {
  constexpr int64_t kHourMs = 3'600'000;
  TestNode wrong(1000, true, true), right(2000, true, true);
  for (uint64_t i = 0; i < 300; ++i) put(right, i, "value");
  merge_whole(wrong, state(right));
  wrong.clock.now_ms += kHourMs;
  for (uint64_t i = 290; i < 310; ++i) put(wrong, i, "another");
  take(wrong, 7);
  wrong.clock.now_ms -= kHourMs;
  wrong.restart_cleanly();
  std::string bytes, listed;
  bool whole;
  const std::string seen = version(right);
  const auto difference = [&](std::string* out) {
    wrong.with_operation("k", 0, [&](Operation& operation, const Key& key) {
      REQUIRE(append_difference(operation, 0, key, seen, listed, out));
    });
  };
  difference(&bytes);
  // The sums first tell where something was removed.
  REQUIRE(merge(right, bytes, &listed, &whole) == MergeOutcome::kGap);
  bytes.clear();
  difference(&bytes);
  const std::string before = state(right);
  CHECK(merge(right, bytes, &listed, &whole) == MergeOutcome::kStampTooFarAhead);
  CHECK(state(right) == before);
  wrong.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    CHECK(Replica(operation, 0).restamp(key, stamp_at(wrong.clock.now_ms + kDefaultMaxDriftMs)));
  });
  const Exchange exchange = bring(wrong, right);
  CHECK_FALSE(exchange.whole);
  CHECK(state(right) == state(wrong));
  CHECK(stamp_wall_ms(last_stamp(right.engine())) <= right.clock.now_ms + kDefaultMaxDriftMs);
}

TEST_CASE("difference: nonsense is refused, and changes nothing") {
  TestNode a(1000, true, true), b(2000, true, true);
  for (uint64_t i = 0; i < 300; ++i) put(a, i, "value");
  merge_whole(b, state(a));
  put(a, 1, "newer");
  std::string bytes;
  const std::string before = state(b);
  a.with_operation("k", 0, [&](Operation& operation, const Key& key) {
    REQUIRE(append_difference(operation, 0, key, version(b), "", &bytes, kAnySize));
    CHECK_FALSE(append_difference(operation, 0, key, "", "", &bytes, kAnySize));
    CHECK_FALSE(append_difference(operation, 0, key, "nonsense", "", &bytes, kAnySize));
    CHECK_FALSE(append_difference(operation, 0, key, version(b), "", &bytes, 301));
  });
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 8) {
    CAPTURE(size);
    std::string listed;
    bool whole;
    CHECK(merge(b, bytes.substr(0, size), &listed, &whole) == MergeOutcome::kCorrupt);
  }
  CHECK(state(b) == before);
}

TEST_CASE("difference: random histories of three nodes: a merge by it is the merge of the whole") {
  for (uint64_t seed = first_seed(); seed < first_seed() + seed_count(); ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    std::vector<std::unique_ptr<TestNode>> nodes;
    for (uint64_t i = 0; i < 3; ++i)
      nodes.push_back(std::make_unique<TestNode>(seed * 100 + 10 * i, true, true, false));
    for (int step = 0; step < 150; ++step) {
      CAPTURE(step);
      TestNode& node = *nodes[random.below(nodes.size())];
      TestNode& other = *nodes[random.below(nodes.size())];
      for (const auto& each : nodes) each->clock.now_ms = each->clock.now_ms + 1;
      const uint64_t choice = random.below(20);
      const uint64_t number = random.below(40);
      if (choice < 9) {
        node.with("k", [&](Database& database, const Key& key) {
          if (const Found found = database.find(key); found && found.type() == Type::kString) return;
          database.open(key, Type::kHash).put(member(number), std::to_string(step));
        });
      } else if (choice < 12) {
        node.with("k", [&](Database& database, const Key& key) {
          const Found found = database.find(key);
          if (found && found.type() == Type::kHash) database.open(key, Type::kHash).remove(member(number));
        });
      } else if (choice == 12) {
        node.with("k", [&](Database& database, const Key& key) { database.remove(key); });
      } else if (choice == 13) {
        node.with("k", [&](Database& database, const Key& key) {
          if (database.find(key)) database.set_deadline(key, node.clock.now_ms + 1'000'000);
        });
      } else if (choice == 14) {
        settle_all(nodes);
      } else if (&node != &other && !state(node).empty()) {
        // A twin takes the whole.
        REQUIRE(other.engine().commit().ok());
        TestNode twin(seed + 5000 + static_cast<uint64_t>(step), other.image(), true);
        merge_whole(twin, state(node));
        (void)bring(node, other);
        REQUIRE(state(other) == state(twin));
      }
    }
  }
}

}  // namespace starling::engine
