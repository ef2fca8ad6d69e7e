// Increments on several nodes at the same time add up, whatever else happens to the record.
#include "engine/record/counter.h"
#include "engine/record/join.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "engine/record/record.h"
#include "engine/record/record_codec.h"
#include "engine/record/record_delta.h"
#include "tests/unit/engine/histories.h"

namespace starling::engine {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr ActorId kA = 100, kB = 200, kC = 300;

struct Copy {
  ActorId actor;
  Record record;

  Delta set(Stamp stamp, std::string_view value, int64_t deadline_ms = 0) {
    Change change(&record, {stamp, actor}, kNow);
    change.put_string(record.context(), value, deadline_ms);
    return change.finish();
  }
  Delta erase(Stamp stamp) {
    Change change(&record, {stamp, actor}, kNow);
    change.erase(record.context());
    return change.finish();
  }
  Delta expire(Stamp stamp, int64_t deadline_ms) {
    Change change(&record, {stamp, actor}, kNow);
    change.set_deadline(deadline_ms);
    return change.finish();
  }
  Delta add(Stamp stamp, int64_t increment, int64_t now_ms = kNow) {
    Change change(&record, {stamp, actor}, now_ms);
    REQUIRE(change.add_to_string(increment));
    return change.finish();
  }
  Delta add_to_field(Stamp stamp, int64_t increment) {
    Change change(&record, {stamp, actor}, kNow);
    REQUIRE(change.add_to_field("f", increment));
    return change.finish();
  }
  std::string shown(int64_t now_ms = kNow) const { return record.string(now_ms).value_or("(none)"); }
  std::string field() const {
    const auto place = record.elements().find(ElementId{ElementKind::kField, "f"});
    return place == record.elements().end() ? "(none)" : shown_value(place->second);
  }
  std::vector<std::string> values() const {
    std::vector<std::string> values;
    for (const Sibling& sibling : record.live_values(kNow)) values.push_back(sibling.value);
    return values;
  }
};

void exchange(Copy& a, Copy& b) {
  a.record.merge(b.record);
  b.record.merge(a.record);
  REQUIRE(a.record == b.record);
}

using Values = std::vector<std::string>;

TEST_CASE("increments of a value on both sides of a cut add up") {
  Copy a{kA, {}}, b{kB, {}};
  a.set(1, "10");
  exchange(a, b);
  a.add(2, 3);
  a.add(3, 5);
  b.add(4, -20);
  CHECK(a.shown() == "18");
  CHECK(b.shown() == "-10");
  exchange(a, b);
  CHECK(a.shown() == "-2");
  CHECK(a.values() == Values{"-2"});
  b.add(5, 1);
  exchange(a, b);
  CHECK(a.shown() == "-1");
}

TEST_CASE("increments of what is absent on both sides add up: never there, or deleted before") {
  Copy a{kA, {}}, b{kB, {}};
  a.add(1, 3);
  b.add(2, 4);
  exchange(a, b);
  CHECK(a.shown() == "7");
  a.erase(3);
  exchange(a, b);
  CHECK(a.shown() == "(none)");
  a.add(4, 1);
  b.add(5, 1);
  exchange(a, b);
  CHECK(a.shown() == "2");
}

TEST_CASE("counters that were given deadlines on both sides add up, and end with them") {
  Copy a{kA, {}}, b{kB, {}};
  a.add(1, 1);
  a.expire(2, kNow + 500);
  a.add(3, 1);
  b.add(4, 1);
  b.expire(5, kNow + 500);
  exchange(a, b);
  CHECK(a.shown() == "3");
  CHECK(a.values() == Values{"3"});
  CHECK(a.shown(kNow + 500) == "(none)");
  // What others have added, it could not end: it becomes the value.
  b.expire(6, kNow + 900);
  a.add(7, 10);
  exchange(a, b);
  CHECK(a.values() == Values{"3", "12"});
}

TEST_CASE("a field's increments add up too, and those of other fields are nobody's business") {
  Copy a{kA, {}}, b{kB, {}};
  a.add_to_field(1, 3);
  b.add_to_field(2, 4);
  exchange(a, b);
  CHECK(a.field() == "7");
  Change change(&a.record, {3, kA}, kNow);
  change.put_element(ElementKind::kField, "f", "100");
  change.put_element(ElementKind::kField, "g", "1");
  change.finish();
  exchange(a, b);
  a.add_to_field(4, 1);
  b.add_to_field(5, 2);
  exchange(a, b);
  CHECK(a.field() == "103");
}

TEST_CASE("a write supersedes the increments that it saw; one concurrent with it stays as a sibling") {
  Copy a{kA, {}}, b{kB, {}};
  a.set(1, "10");
  a.add(2, 5);
  exchange(a, b);
  b.set(3, "100");
  b.record.merge(a.record);
  CHECK(b.values() == Values{"100"});
  a.add(4, 1);
  exchange(a, b);
  CHECK(a.values() == Values{"100", "16"});
  CHECK(a.shown() == "16");
  // The next increment is of what shows, and puts the other away as a plain write does.
  b.add(5, 1);
  exchange(a, b);
  CHECK(a.values() == Values{"17"});
}

TEST_CASE("a delete and an increment at the same time: the later one shows, the increment is not lost") {
  Copy a{kA, {}}, b{kB, {}};
  a.set(1, "10");
  exchange(a, b);
  a.add(2, 1);
  b.erase(3);
  exchange(a, b);
  CHECK(a.shown() == "(none)");
  CHECK(a.values() == Values{"11"});
  a.add(4, 1);
  CHECK(a.shown() == "1");
}

TEST_CASE("an increment keeps the deadline; what expired is absent") {
  Copy a{kA, {}}, b{kB, {}};
  a.set(1, "10", kNow + 50);
  exchange(a, b);
  a.add(2, 1);
  b.add(3, 1);
  exchange(a, b);
  CHECK(a.shown() == "12");
  CHECK(a.record.deadline_ms(kNow) == kNow + 50);
  CHECK(a.shown(kNow + 50) == "(none)");
  a.add(4, 1, kNow + 50);
  CHECK(a.shown(kNow + 50) == "1");
  CHECK(a.record.deadline_ms(kNow + 50) == 0);
}

TEST_CASE("sums beyond the range are held at its ends, the same on all nodes") {
  Copy a{kA, {}}, b{kB, {}};
  a.set(1, std::to_string(INT64_MAX - 10));
  exchange(a, b);
  a.add(2, 10);
  b.add(3, 10);
  exchange(a, b);
  CHECK(a.shown() == std::to_string(INT64_MAX));
  b.add(4, -15);
  CHECK(b.shown() == std::to_string(INT64_MAX - 5));
  // What leaves the range of one actor's sum is refused, and changes nothing.
  Copy c{kC, {}};
  c.set(1, std::to_string(INT64_MIN));
  c.add(2, INT64_MAX);
  const Record before = c.record;
  Change change(&c.record, {3, kC}, kNow);
  CHECK_FALSE(change.add_to_string(1));
  CHECK(c.record == before);
}

TEST_CASE("a deadline, or any plain write, makes a value of the sum") {
  Copy a{kA, {}}, b{kB, {}};
  a.add(1, 3);
  b.add(2, 4);
  exchange(a, b);
  Change change(&a.record, {3, kA}, kNow);
  change.set_deadline(kNow + 9);
  change.finish();
  CHECK(a.shown() == "7");
  const Siblings& siblings = a.record.elements().begin()->second;
  REQUIRE(siblings.size() == 1);
  CHECK_FALSE(siblings[0].counter());
}

TEST_CASE("one contribution has a form of its own, which is the only one") {
  Copy a{kA, {}};
  a.set(1, "10");
  a.add(2, 5);
  std::string bytes;
  encode_record(a.record, &bytes);
  CHECK(bytes.size() == 49);
  CHECK(bytes[0] == 0x15);
  Record decoded;
  REQUIRE(decode_record(bytes, &decoded).ok());
  CHECK(decoded == a.record);
  CHECK_FALSE(decode_record(bytes.substr(0, 48), &decoded).ok());
  CHECK_FALSE(decode_record(bytes + "x", &decoded).ok());
  // A base has both an actor and a stamp.
  std::string bad = bytes;
  bad.replace(17, 8, 8, '\0');
  CHECK_FALSE(decode_record(bad, &decoded).ok());
  Copy b{kB, {}};
  b.set(1, "10", kNow + 9);
  b.add(2, 5);
  bytes.clear();
  encode_record(b.record, &bytes);
  CHECK(bytes.size() == 57);
  REQUIRE(decode_record(bytes, &decoded).ok());
  CHECK(decoded == b.record);
}

// Each replica must show the sum of exactly the increments it has heard of.
TEST_CASE("with nothing but increments every replica shows what it has heard of, by states and by deltas") {
  const uint64_t seed = testing::test_seed();
  INFO("STARLING_SEED=" << seed);
  struct Replica {
    ActorId actor;
    Record record;
    std::map<uint64_t, int64_t> heard;
  };
  for (int run = 0; run < 200; ++run) {
    testing::SeededRandom random(seed + static_cast<uint64_t>(run));
    const bool field = random.below(2) == 0;
    std::vector<Replica> replicas(2 + random.below(3));
    for (Replica& replica : replicas) replica.actor = random.next() | 1;
    std::vector<std::pair<Delta, Replica>> shipped;
    Stamp stamp = 1;
    uint64_t event = 0;
    const ElementId id = field ? ElementId{ElementKind::kField, "f"} : ElementId{ElementKind::kValue, ""};
    for (int step = 0; step < 80; ++step) {
      Replica& replica = replicas[random.below(replicas.size())];
      const uint64_t choice = random.below(12);
      if (choice < 6) {
        const int64_t increment = static_cast<int64_t>(random.below(100)) - 50;
        Change change(&replica.record, {++stamp, replica.actor}, kNow);
        REQUIRE((field ? change.add_to_field("f", increment) : change.add_to_string(increment)));
        replica.heard[++event] = increment;
        Delta delta = change.finish();
        shipped.emplace_back(std::move(delta), replica);
      } else if (choice < 8) {
        const Replica& other = replicas[random.below(replicas.size())];
        replica.record.merge(other.record);
        replica.heard.insert(other.heard.begin(), other.heard.end());
      } else if (choice < 11 && !shipped.empty()) {
        const auto& [delta, after] = shipped[random.below(shipped.size())];
        if (apply_delta(delta, &replica.record) == DeltaOutcome::kApplied) {
          replica.heard.insert(after.heard.begin(), after.heard.end());
        }
      } else {
        replica.actor = random.next() | 1;  // As after an unclean stop.
      }
      int64_t sum = 0;
      for (const auto& [number, increment] : replica.heard) sum += increment;
      const auto place = replica.record.elements().find(id);
      if (replica.heard.empty()) {
        REQUIRE(place == replica.record.elements().end());
      } else {
        REQUIRE(shown_value(place->second) == std::to_string(sum));
      }
    }
  }
}

}  // namespace
}  // namespace starling::engine
