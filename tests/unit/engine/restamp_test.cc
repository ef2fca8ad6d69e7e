// Records that were stamped by a clock far ahead, and are stamped anew.
#include <algorithm>

#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::engine {

namespace {

constexpr int64_t kHourMs = 3'600'000;

MergeOutcome merge(TestNode& node, const std::string& name, const std::string& state) {
  MergeOutcome outcome{};
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    outcome = Replica(operation, 0).merge_state(key, state);
  });
  return outcome;
}

Stamp latest(TestNode& node) {
  return stamp_at(node.clock.now_ms + kDefaultMaxDriftMs);
}

uint64_t restamp_all(TestNode& node) {
  uint64_t restamped = 0;
  for (uint32_t partition = 0; partition < kPartitionCount; ++partition) {
    uint64_t cursor = 0;
    do {
      REQUIRE(restamp(node.engine(), static_cast<uint16_t>(partition), &cursor, 10, latest(node),
                      node.clock.now_ms, &restamped)
                  .ok());
    } while (cursor != 0);
  }
  return restamped;
}

void write_some(TestNode& node) {
  node.with("string", [](Database& database, const Key& key) { database.put_string(key, "s", kNoDeadline); });
  node.with("mortal", [&](Database& database, const Key& key) {
    database.put_string(key, "m", node.clock.now_ms + 2 * kHourMs);
  });
  node.with("removed", [](Database& database, const Key& key) {
    database.put_string(key, "there", kNoDeadline);
    database.remove(key);
  });
  node.with("number", [](Database& database, const Key& key) { database.add(key, 0, 5); });
  node.with("set", [](Database& database, const Key& key) {
    OpenCollection set = database.open(key, Type::kSet);
    set.put("a", "");
    set.put("b", "");
  });
  node.with("hash", [](Database& database, const Key& key) {
    OpenCollection hash = database.open(key, Type::kHash);
    hash.put("f", "v");
    hash.add("n", 0, 7);
  });
}

const std::vector<std::string> kNames = {"string", "mortal", "removed", "number", "set", "hash"};

// What it shows, without stamps.
std::string shown(TestNode& node, const std::string& name) {
  Record record;
  std::string bytes = state_of(node, name);
  REQUIRE(decode_record(bytes, &record).ok());
  std::string text;
  for (const auto& [id, siblings] : record.elements()) {
    text += id.name + "=";
    for (const Sibling& sibling : siblings)
      text += (sibling.counter() ? shown_value(siblings) : sibling.value) + (sibling.tombstone ? "-" : "+") +
              std::to_string(sibling.deadline_ms) + ";";
  }
  return text;
}

}  // namespace

TEST_CASE("restamp: what others refused they take again, and what they made meanwhile stays") {
  TestNode wrong(10, true, true), right(20, true, true);
  for (const std::string& name : kNames) {
    right.with(name,
               [](Database& database, const Key& key) { database.put_string(key, "old", kNoDeadline); });
    REQUIRE(merge(wrong, name, state_of(right, name)) == MergeOutcome::kApplied);
    wrong.with(name, [](Database& database, const Key& key) { database.remove(key); });
  }
  wrong.clock.now_ms += kHourMs;
  write_some(wrong);
  wrong.clock.now_ms -= kHourMs;
  std::vector<std::string> before;
  for (const std::string& name : kNames) {
    before.push_back(shown(wrong, name));
    CHECK(merge(right, name, state_of(wrong, name)) == MergeOutcome::kStampTooFarAhead);
  }
  // It starts again, as another actor, whose stamps are right.
  wrong.restart_cleanly();
  CHECK(stamp_wall_ms(last_stamp(wrong.engine())) <= wrong.clock.now_ms + kDefaultMaxDriftMs);
  CHECK(restamp_all(wrong) == kNames.size());
  CHECK(restamp_all(wrong) == 0);
  right.clock.now_ms += 1;
  right.with("set",
             [](Database& database, const Key& key) { database.put_string(key, "beside", kNoDeadline); });
  for (size_t i = 0; i < kNames.size(); ++i) {
    CHECK(shown(wrong, kNames[i]) == before[i]);
    CHECK(merge(right, kNames[i], state_of(wrong, kNames[i])) == MergeOutcome::kApplied);
    if (kNames[i] != "set") CHECK(shown(right, kNames[i]) == before[i]);
    REQUIRE(merge(wrong, kNames[i], state_of(right, kNames[i])) != MergeOutcome::kStampTooFarAhead);
    CHECK(state_of(wrong, kNames[i]) == state_of(right, kNames[i]));
  }
  CHECK(shown(right, "set").find("beside") != std::string::npos);
  CHECK(stamp_wall_ms(last_stamp(right.engine())) <= right.clock.now_ms + kDefaultMaxDriftMs);
  // It goes on from there on both.
  for (TestNode* node : {&right, &wrong}) {
    node->with("string",
               [](Database& database, const Key& key) { database.put_string(key, "new", kNoDeadline); });
  }
  CHECK(merge(right, "string", state_of(wrong, "string")) == MergeOutcome::kApplied);
  CHECK(merge(wrong, "string", state_of(right, "string")) == MergeOutcome::kApplied);
}

TEST_CASE("restamp: what is in the store only, in several steps") {
  constexpr uint64_t kKeys = 300;
  TestNode node(30, true, true);
  node.clock.now_ms += kHourMs;
  for (uint64_t i = 0; i < kKeys; ++i) {
    node.with("{one partition}" + std::to_string(i),
              [](Database& database, const Key& key) { database.put_string(key, "s", kNoDeadline); });
  }
  REQUIRE(node.engine().checkpoint().ok());
  node.clock.now_ms -= kHourMs;
  node.restart_cleanly();
  node.evict_everything();
  const uint16_t partition = Key("{one partition}").partition;
  uint64_t restamped = 0, cursor = 0, steps = 0;
  do {
    REQUIRE(restamp(node.engine(), partition, &cursor, 70, latest(node), node.clock.now_ms, &restamped).ok());
    ++steps;
  } while (cursor != 0);
  CHECK(steps > 3);
  CHECK(restamped == kKeys);
}

}  // namespace starling::engine
