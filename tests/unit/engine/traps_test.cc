// Ways in which replicated stores have lost or revived data, each shown here to be closed; where it takes a
// wrong step outside the record (an actor used again, a delta applied as a record), the test shows the harm
// of that step too.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/record/hybrid_clock.h"
#include "engine/record/record.h"
#include "engine/record/record_codec.h"
#include "engine/record/record_delta.h"

namespace starling::engine {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr ActorId kA = 11, kB = 22, kC = 33;

Delta set(Record* record, const VersionVector& seen, const Dot& dot, std::string_view value,
          int64_t deadline_ms = 0) {
  Change change(record, dot, kNow);
  change.put_string(seen, value, deadline_ms);
  return change.finish();
}

Delta set(Record* record, const Dot& dot, std::string_view value, int64_t deadline_ms = 0) {
  return set(record, record->context(), dot, value, deadline_ms);
}

Delta erase(Record* record, const Dot& dot) {
  Change change(record, dot, kNow);
  change.erase(record->context());
  return change.finish();
}

Delta add_member(Record* record, const Dot& dot, std::string_view name) {
  Change change(record, dot, kNow);
  change.put_element(ElementKind::kMember, name, "");
  return change.finish();
}

bool has_member(const Record& record, std::string_view name) {
  return record.winner(ElementKind::kMember, name) != nullptr;
}

Record merged(Record a, const Record& b) {
  a.merge(b);
  return a;
}

std::vector<std::string> values(const Record& record, int64_t now_ms = kNow) {
  std::vector<std::string> values;
  for (const Sibling& sibling : record.live_values(now_ms)) values.push_back(sibling.value);
  return values;
}

using Values = std::vector<std::string>;

TEST_CASE("siblings do not explode: two clients that keep writing over one another") {
  // Each writes with the context of its own last read. With one vector for the whole record, the server could
  // not tell which sibling a late context had seen and had to keep all.
  Record record;
  VersionVector read_by[2];
  Stamp stamp = 0;
  size_t most = 0;
  for (int turn = 0; turn < 200; ++turn) {
    const VersionVector seen = read_by[turn % 2];
    set(&record, seen, {++stamp, kA}, "value " + std::to_string(turn));
    most = std::max(most, values(record).size());
    read_by[turn % 2] = record.context();
  }
  CHECK(most == 2);
}

TEST_CASE("siblings do not explode: plain writes at changing coordinators") {
  Record at_a, at_b;
  Stamp stamp = 0;
  for (int turn = 0; turn < 100; ++turn) {
    set(&at_a, {++stamp, kA}, "a");
    set(&at_b, {++stamp, kB}, "b");
    at_a.merge(at_b);
    at_b.merge(at_a);
    CHECK(values(at_a).size() <= 2);
  }
  set(&at_a, {++stamp, kA}, "last");
  CHECK(values(merged(at_b, at_a)) == Values{"last"});
}

// What is acknowledged, replicated to b, and then forgotten by a's disk.
struct ForgetfulNode {
  Record at_a, at_b;
  HybridClock clock;

  ForgetfulNode() {
    set(&at_a, {clock.next(kNow), kA}, "kept");
    const Record durable = at_a;
    set(&at_a, {clock.next(kNow), kA}, "acknowledged");
    at_b.merge(at_a);
    at_a = durable;
  }
};

TEST_CASE("an actor that forgot events and goes on loses what it forgot; a new actor does not") {
  SUBCASE("the same actor: the harm") {
    ForgetfulNode node;
    set(&node.at_a, {node.clock.next(kNow), kA}, "after the crash");
    // Its context now claims the forgotten event, so b's copy passes for superseded.
    CHECK(values(merged(node.at_b, node.at_a)) == Values{"after the crash"});
  }
  SUBCASE("a new actor: the cure") {
    ForgetfulNode node;
    set(&node.at_a, {node.clock.next(kNow), kC}, "after the crash");
    CHECK(values(merged(node.at_b, node.at_a)) == Values{"acknowledged", "after the crash"});
    CHECK(merged(node.at_a, node.at_b) == merged(node.at_b, node.at_a));
  }
}

TEST_CASE("an old tombstone does not kill a key created again by a node that lost its disk and its clock") {
  Record at_a, fallback;
  HybridClock clock;
  set(&at_a, {clock.next(kNow), kA}, "old");
  erase(&at_a, {clock.next(kNow), kA});
  fallback.merge(at_a);
  at_a = Record();
  HybridClock restarted;  // The disk is gone, and the wall clock was set back an hour.
  const Stamp stamp = restarted.next(kNow - 3'600'000);
  SUBCASE("the same actor: the harm") {
    set(&at_a, {stamp, kA}, "created again");
    CHECK(merged(at_a, fallback).type(kNow) == Type::kNone);
    CHECK(values(merged(at_a, fallback)).empty());
  }
  SUBCASE("a new actor: the cure") {
    set(&at_a, {stamp, kC}, "created again");
    CHECK(values(merged(at_a, fallback)) == Values{"created again"});
  }
}

TEST_CASE("a clean restart goes on behind its last stamp though the clock was set back") {
  Record record;
  HybridClock clock;
  set(&record, {clock.next(kNow), kA}, "before");
  HybridClock restarted;
  restarted.restore(clock.last());
  const Dot dot{restarted.next(kNow - 3'600'000), kA};
  CHECK_FALSE(record.context().covers(dot));
  Record copy = record;
  set(&record, dot, "after");
  CHECK(values(merged(copy, record)) == Values{"after"});
}

TEST_CASE("a tombstone never shows as an empty sibling") {
  Record at_a, at_b;
  set(&at_a, {1, kA}, "value");
  at_b = at_a;
  set(&at_a, {2, kA}, "changed");
  erase(&at_b, {3, kB});
  const Record both = merged(at_a, at_b);
  CHECK(both.elements().at({ElementKind::kValue, ""}).size() == 2);
  CHECK(values(both) == Values{"changed"});
  CHECK_FALSE(both.string(kNow).has_value());  // The delete is the later one.
  // An empty value, in contrast, is one.
  Record empty;
  set(&empty, {1, kA}, "");
  CHECK(values(empty) == Values{""});
  CHECK(empty.string(kNow) == "");
}

TEST_CASE("a newer value held by one replica wins over an older one held by many") {
  Record old;
  set(&old, {5, kA}, "old");
  Record newer = old;
  // Its author's clock is behind, as well: causality decides, neither votes nor time.
  set(&newer, {1, kB}, "new");
  Record read;
  for (const Record* answer : {&old, &old, &newer, &old, &old}) read.merge(*answer);
  CHECK(values(read) == Values{"new"});
}

TEST_CASE("an expired value is not revived by a stale replica, whatever each one's clock says") {
  Record fresh, stale;
  set(&fresh, {1, kA}, "without end");
  stale = fresh;
  set(&fresh, {2, kA}, "short-lived", kNow + 10);
  // Repair runs before, at and after the deadline; it takes no time and so cannot decide by it.
  const Record repaired = merged(stale, fresh);
  CHECK(repaired == merged(fresh, stale));
  CHECK(repaired.string(kNow + 9) == "short-lived");
  CHECK(repaired.type(kNow + 10) == Type::kNone);
  CHECK(values(repaired, kNow + 10).empty());
  // Copies agree byte for byte although one already counts it as gone.
  std::string one, other;
  encode_record(repaired, &one);
  encode_record(fresh, &other);
  CHECK(one == other);
}

TEST_CASE("an expired collection is not revived either, and its deadline is one instant for all") {
  Record fresh, stale;
  add_member(&fresh, {1, kA}, "m");
  stale = fresh;
  Change change(&fresh, {2, kA}, kNow);
  change.set_deadline(kNow + 10);
  const Delta delta = change.finish();
  REQUIRE(apply_delta(delta, &stale) == DeltaOutcome::kApplied);
  CHECK(stale == fresh);
  CHECK(stale.deadline_ms(kNow) == kNow + 10);
  CHECK(merged(stale, fresh).type(kNow + 10) == Type::kNone);
}

TEST_CASE("equal stamps are broken alike everywhere") {
  // Two clocks that stand still make the same stamp.
  Record at_a, at_b;
  set(&at_a, {7, kA}, "from a");
  set(&at_b, {7, kB}, "from b");
  const Record one = merged(at_a, at_b);
  const Record other = merged(at_b, at_a);
  CHECK(one == other);
  CHECK(one.string(kNow) == "from b");
  CHECK(other.string(kNow) == "from b");
  CHECK(values(one) == Values{"from a", "from b"});
}

TEST_CASE("a skewed clock chooses the winner but loses nothing") {
  HybridClock ahead, behind;
  Record at_a, at_b;
  set(&at_a, {ahead.next(kNow + 60'000), kA}, "earlier, from a fast clock");
  set(&at_b, {behind.next(kNow), kB}, "later, from a slow one");
  const Record both = merged(at_a, at_b);
  CHECK(both.string(kNow) == "earlier, from a fast clock");
  CHECK(values(both).size() == 2);
  // Who has seen both replaces both, however slow its clock.
  Record settled = both;
  set(&settled, {behind.next(kNow), kB}, "settled");
  CHECK(values(merged(both, settled)) == Values{"settled"});
}

TEST_CASE(
    "a delta that arrives without its predecessor is a gap; applied all the same it would remove elements") {
  Record author, copy;
  const Delta first = add_member(&author, {1, kA}, "first");
  copy.merge(author);
  const Delta second = add_member(&author, {2, kA}, "second");
  const Delta third = add_member(&author, {3, kA}, "third");

  SUBCASE("taken for a record of its own: the harm") {
    RecordAssembly assembly(third.after);
    for (const auto& [id, siblings] : third.touched) REQUIRE(assembly.add(id.kind, id.name, siblings));
    const Record wrong = merged(copy, assembly.take());
    CHECK_FALSE(has_member(wrong, "first"));  // Removed, as it seems.
    const Record wrong_for_good = merged(wrong, author);
    CHECK_FALSE(
        has_member(wrong_for_good, "second"));  // Seen and removed, as it seems, and so for everybody.
  }
  SUBCASE("a gap: the cure") {
    const Record before = copy;
    CHECK(apply_delta(third, &copy) == DeltaOutcome::kGap);
    CHECK(copy == before);
    SUBCASE("the missing delta comes") {
      CHECK(apply_delta(second, &copy) == DeltaOutcome::kApplied);
      CHECK(apply_delta(third, &copy) == DeltaOutcome::kApplied);
    }
    SUBCASE("the whole record comes") {
      copy.merge(author);
    }
    CHECK(copy == author);
    // Late repetitions of any of them change nothing.
    for (const Delta* delta : {&third, &first, &second}) {
      CHECK(apply_delta(*delta, &copy) == DeltaOutcome::kApplied);
      CHECK(copy == author);
    }
  }
}

TEST_CASE("a delta of a whole write needs nothing before it") {
  Record author, copy;
  set(&author, {1, kA}, "one");
  add_member(&author, {2, kA}, "hidden");
  CHECK(apply_delta(set(&author, {3, kA}, "two"), &copy) == DeltaOutcome::kApplied);
  CHECK(copy == author);
  CHECK(apply_delta(erase(&author, {4, kA}), &copy) == DeltaOutcome::kApplied);
  CHECK(copy == author);
}

TEST_CASE("a replayed write does not undo a later delete") {
  Record author, copy;
  const Delta write = set(&author, {1, kA}, "value");
  const Record hint = author;
  erase(&author, {2, kA});
  copy.merge(author);
  copy.merge(hint);
  CHECK(apply_delta(write, &copy) == DeltaOutcome::kApplied);
  CHECK(copy.type(kNow) == Type::kNone);
  CHECK(copy == author);
}

}  // namespace
}  // namespace starling::engine
