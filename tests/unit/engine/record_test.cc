#include "engine/record/record.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/record/record_delta.h"

namespace starling::engine {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr ActorId kA = 11, kB = 22;

// One node's copy of a record.
struct Copy {
  ActorId actor;
  Record record = {};

  Delta set(Stamp stamp, std::string_view value, int64_t deadline_ms = 0) {
    return set_with(record.context(), stamp, value, deadline_ms);
  }
  Delta set_with(const VersionVector& seen, Stamp stamp, std::string_view value, int64_t deadline_ms = 0) {
    Change change(&record, {stamp, actor}, kNow);
    change.put_string(seen, value, deadline_ms);
    return change.finish();
  }
  Delta erase(Stamp stamp) {
    Change change(&record, {stamp, actor}, kNow);
    change.erase(record.context());
    return change.finish();
  }
  Delta put(Stamp stamp, ElementKind kind, std::string_view name, std::string_view value,
            int64_t now_ms = kNow) {
    Change change(&record, {stamp, actor}, now_ms);
    change.put_element(kind, name, value);
    return change.finish();
  }
  Delta remove(Stamp stamp, ElementKind kind, std::string_view name) {
    Change change(&record, {stamp, actor}, kNow);
    change.remove_element(kind, name);
    return change.finish();
  }
  Delta expire(Stamp stamp, int64_t deadline_ms) {
    Change change(&record, {stamp, actor}, kNow);
    change.set_deadline(deadline_ms);
    return change.finish();
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

TEST_CASE("nothing was ever there") {
  const Record record;
  CHECK(record.type(kNow) == Type::kNone);
  CHECK(record.vacant());
  CHECK_FALSE(record.string(kNow).has_value());
  CHECK(record.deadline_ms(kNow) == 0);
}

TEST_CASE("a plain write replaces what the coordinator sees") {
  Copy a{kA};
  a.set(1, "one");
  a.set(2, "two", kNow + 50);
  CHECK(a.record.string(kNow) == "two");
  CHECK(a.record.deadline_ms(kNow) == kNow + 50);
  CHECK(a.values() == Values{"two"});
  CHECK(a.record.context() == VersionVector{{2, kA}});
}

TEST_CASE("a write with a context replaces what that covers and no more") {
  Copy a{kA}, b{kB};
  a.set(1, "base");
  exchange(a, b);
  const VersionVector read = a.record.context();
  a.set_with(read, 2, "first");
  b.set_with(read, 3, "second");
  exchange(a, b);
  CHECK(a.values() == Values{"first", "second"});
  CHECK(a.record.string(kNow) == "second");
  // A client that read before both replaces neither; one that read both replaces both.
  a.set_with(read, 4, "third");
  CHECK(a.values() == Values{"first", "second", "third"});
  a.set_with(a.record.context(), 5, "all");
  exchange(a, b);
  CHECK(b.values() == Values{"all"});
}

TEST_CASE("a context from elsewhere covers what has not arrived yet") {
  Copy a{kA}, b{kB};
  a.set(1, "old");
  b.set_with(a.record.context(), 2, "new");  // b never saw "old", its client did.
  b.record.merge(a.record);
  CHECK(b.values() == Values{"new"});
  a.record.merge(b.record);
  CHECK(a.values() == Values{"new"});
}

TEST_CASE("a blind write is concurrent to everything") {
  Copy a{kA};
  a.set(1, "one");
  a.set_with({}, 2, "two");
  CHECK(a.values() == Values{"one", "two"});
}

TEST_CASE("a delete leaves a context and no value") {
  Copy a{kA};
  a.set(1, "one");
  a.erase(2);
  CHECK(a.record.type(kNow) == Type::kNone);
  CHECK(a.values().empty());
  CHECK(a.record.vacant());
  CHECK(a.record.context() == VersionVector{{2, kA}});
  REQUIRE(a.record.winner(ElementKind::kValue, "") != nullptr);
  CHECK(a.record.winner(ElementKind::kValue, "")->tombstone);
}

TEST_CASE("changes of different fields both survive, of one field the later shows") {
  Copy a{kA}, b{kB};
  a.put(1, ElementKind::kField, "common", "0");
  exchange(a, b);
  a.put(2, ElementKind::kField, "of a", "1");
  b.put(3, ElementKind::kField, "of b", "2");
  a.put(4, ElementKind::kField, "common", "a");
  b.put(5, ElementKind::kField, "common", "b");
  exchange(a, b);
  CHECK(a.record.winner(ElementKind::kField, "of a")->value == "1");
  CHECK(a.record.winner(ElementKind::kField, "of b")->value == "2");
  CHECK(a.record.winner(ElementKind::kField, "common")->value == "b");
  CHECK(a.record.elements().at({ElementKind::kField, "common"}).size() == 2);
  // The next write of the field settles it.
  a.put(6, ElementKind::kField, "common", "settled");
  exchange(a, b);
  CHECK(b.record.elements().at({ElementKind::kField, "common"}).size() == 1);
}

TEST_CASE("an element removed here and changed there stays") {
  Copy a{kA}, b{kB};
  a.put(1, ElementKind::kMember, "m", "");
  a.put(2, ElementKind::kMember, "n", "");
  exchange(a, b);
  a.remove(3, ElementKind::kMember, "m");
  a.remove(4, ElementKind::kMember, "n");
  b.put(5, ElementKind::kMember, "m", "");
  exchange(a, b);
  CHECK(a.record.winner(ElementKind::kMember, "m") != nullptr);
  CHECK(a.record.winner(ElementKind::kMember, "n") == nullptr);
}

TEST_CASE("a delete of a collection spares the elements it did not see") {
  Copy a{kA}, b{kB};
  a.put(1, ElementKind::kField, "seen", "1");
  exchange(a, b);
  b.put(2, ElementKind::kField, "unseen", "2");
  a.erase(3);
  exchange(a, b);
  CHECK(a.record.type(kNow) == Type::kHash);
  CHECK(a.record.winner(ElementKind::kField, "seen") == nullptr);
  CHECK(a.record.winner(ElementKind::kField, "unseen")->value == "2");
  // The tombstone goes with the next write.
  a.put(4, ElementKind::kField, "more", "3");
  CHECK(a.record.winner(ElementKind::kValue, "") == nullptr);
}

TEST_CASE("concurrent types: the later one shows, on both") {
  for (const bool string_later : {false, true}) {
    Copy a{kA}, b{kB};
    a.set(string_later ? 20 : 10, "value");
    b.put(15, ElementKind::kField, "f", "1");
    exchange(a, b);
    CHECK(a.record.type(kNow) == (string_later ? Type::kString : Type::kHash));
    CHECK(a.record.string(kNow).has_value() == string_later);
    CHECK(a.values() == Values{"value"});  // VCLOCK shows it either way.
    // A write of the type that shows puts the hidden one away.
    if (string_later) {
      a.set(30, "again");
      CHECK(a.record.winner(ElementKind::kField, "f") == nullptr);
    } else {
      a.put(30, ElementKind::kField, "g", "2");
      CHECK(a.record.winner(ElementKind::kValue, "") == nullptr);
      CHECK(a.record.winner(ElementKind::kField, "f") != nullptr);
    }
    exchange(a, b);
  }
}

TEST_CASE("a collection expires as a whole and starts anew") {
  Copy a{kA};
  a.put(1, ElementKind::kField, "f", "1");
  a.expire(2, kNow + 10);
  CHECK(a.record.deadline_ms(kNow) == kNow + 10);
  CHECK(a.record.type(kNow + 9) == Type::kHash);
  CHECK(a.record.type(kNow + 10) == Type::kNone);
  a.put(3, ElementKind::kMember, "m", "", kNow + 10);
  CHECK(a.record.type(kNow + 10) == Type::kSet);
  CHECK(a.record.deadline_ms(kNow + 10) == 0);
  CHECK(a.record.elements().size() == 1);
}

TEST_CASE("a deadline can be taken back, and a string's is its sibling's") {
  Copy a{kA};
  a.put(1, ElementKind::kField, "f", "1");
  a.expire(2, kNow + 10);
  a.expire(3, 0);
  CHECK(a.record.type(kNow + 10) == Type::kHash);
  a.set(4, "s");
  a.expire(5, kNow + 20);
  CHECK(a.record.string(kNow) == "s");
  CHECK(a.record.deadline_ms(kNow) == kNow + 20);
  CHECK_FALSE(a.record.string(kNow + 20).has_value());
  CHECK(a.record.elements().size() == 1);
}

TEST_CASE("an expired string gives way to what it hid") {
  Copy a{kA}, b{kB};
  a.set(20, "later", kNow + 10);
  b.put(10, ElementKind::kField, "f", "1");
  exchange(a, b);
  CHECK(a.record.type(kNow) == Type::kString);
  CHECK(a.record.type(kNow + 10) == Type::kHash);
}

TEST_CASE("pruning the context spares the actors of siblings") {
  Copy a{kA};
  a.set(1, "old");
  for (ActorId actor = 100; actor < 120; ++actor) {
    Copy other{actor, a.record};
    Change change(&other.record, {actor, actor}, kNow);
    change.put_string({}, "blind", 0);
    change.finish();
    a.record.merge(other.record);
  }
  // The value is the oldest of all.
  a.record.prune_context(1);
  CHECK(a.record.context().covers(Dot{1, kA}));
  for (const auto& [id, siblings] : a.record.elements()) {
    for (const Sibling& sibling : siblings) CHECK(a.record.context().covers(sibling.dot));
  }
  Copy b{kB};
  for (Stamp stamp = 1; stamp <= 5; ++stamp) {
    Copy other{1000 + stamp, b.record};
    other.set(stamp, "x");
    b.record.merge(other.record);
  }
  CHECK(b.record.context().size() == 5);
  b.record.prune_context(2);
  CHECK(b.record.context() == VersionVector{{4, 1004}, {5, 1005}});
}

TEST_CASE("an assembly refuses what no record can be") {
  const Sibling good{{5, kA}, "v", 0, false};
  const Sibling deadline{{5, kA}, "", 99, false};
  const Sibling tombstone{{5, kA}, "", 0, true};
  RecordAssembly assembly(VersionVector{{5, kA}});
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {{{6, kA}, "v", 0, false}}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {{{5, kB}, "v", 0, false}}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {{{0, kA}, "v", 0, false}}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {good, good}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {good, {{4, kA}, "v", 0, false}}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {tombstone}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {{{5, kA}, "v", -1, false}}));
  CHECK_FALSE(assembly.add(ElementKind::kValue, "name", {good}));
  CHECK_FALSE(assembly.add(ElementKind::kValue, "", {{{5, kA}, "v", 0, true}}));
  CHECK_FALSE(assembly.add(ElementKind::kDeadline, "", {good}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {{{5, kA}, "short", 0, false, Join::kSum}}));
  CHECK_FALSE(
      assembly.add(ElementKind::kMember, "m", {{{5, kA}, std::string(32, '\0'), 0, false, Join::kSum}}));
  CHECK_FALSE(assembly.add(ElementKind::kValue, "", {{{5, kA}, std::string(32, '\0'), 0, true, Join::kSum}}));
  CHECK(assembly.add(ElementKind::kField, "f", {good}));
  CHECK_FALSE(assembly.add(ElementKind::kField, "f", {good}));
  CHECK(assembly.add(ElementKind::kValue, "", {tombstone}));
  CHECK(assembly.add(ElementKind::kDeadline, "", {deadline}));
  CHECK(assembly.take().elements().size() == 3);
}

}  // namespace
}  // namespace starling::engine
