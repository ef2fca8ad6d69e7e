#include "engine/record/join.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"
#include "engine/record/double_sum.h"
#include "engine/record/record_codec.h"
#include "engine/record/record_delta.h"
#include "engine/record/score.h"

namespace starling::engine {
namespace {

constexpr ElementKind kKind = ElementKind::kScoredMember;
constexpr int64_t kNow = 1000;

// A node's copy of a sorted set with a member "m".
struct Copy {
  ActorId actor;
  Record record;

  void put(Stamp stamp, double score) {
    Change change(&record, {stamp, actor}, kNow);
    change.put_element(kKind, "m", encode_score(score));
    (void)change.finish();
  }
  void add(Stamp stamp, double increment) {
    Change change(&record, {stamp, actor}, kNow);
    REQUIRE(change.add_to_member("m", increment));
    (void)change.finish();
  }
  void raise(Stamp stamp, double score, Join join) {
    Change change(&record, {stamp, actor}, kNow);
    change.put_extreme("m", score, join);
    (void)change.finish();
  }
  void remove(Stamp stamp) {
    Change change(&record, {stamp, actor}, kNow);
    change.remove_element(kKind, "m");
    (void)change.finish();
  }
  const Siblings& siblings() const { return record.elements().find(ElementId{kKind, "m"})->second; }
  double shown() const { return score_in(shown_value(siblings())); }
};

void exchange(Copy& a, Copy& b) {
  const Record before = a.record;
  a.record.merge(b.record);
  b.record.merge(before);
  REQUIRE(a.record == b.record);
}

TEST_CASE("what was added to a score apart is all in the sum, and the next increment goes on from it") {
  Copy a{1, {}}, b{2, {}};
  a.put(1, 10);
  exchange(a, b);
  a.add(2, 5);
  b.add(3, 0.5);
  b.add(4, 0.25);
  exchange(a, b);
  CHECK(a.shown() == 15.75);
  a.add(5, 1);
  exchange(a, b);
  CHECK(b.shown() == 16.75);
  CHECK(b.siblings().size() == 2);
  b.put(6, 3);
  exchange(a, b);
  CHECK(a.shown() == 3);
  CHECK(a.siblings().size() == 1);
}

TEST_CASE("increments of a member that nobody had make one sum") {
  Copy a{1, {}}, b{2, {}};
  a.add(1, 2);
  b.add(2, 3);
  exchange(a, b);
  CHECK(a.shown() == 5);
}

TEST_CASE("a score that is to be greatest is, whoever came later; least likewise") {
  Copy a{1, {}}, b{2, {}};
  a.raise(1, 50, Join::kGreatest);
  b.raise(2, 40, Join::kGreatest);
  exchange(a, b);
  CHECK(a.shown() == 50);
  b.raise(3, 60, Join::kGreatest);
  exchange(a, b);
  CHECK(a.shown() == 60);
  CHECK(a.siblings().size() == 1);
  a.raise(4, -2, Join::kLeast);
  b.raise(5, -1, Join::kLeast);
  exchange(a, b);
  CHECK(b.shown() == -2);
}

TEST_CASE("of families the later one shows, and an increment goes on from what shows") {
  Copy a{1, {}}, b{2, {}};
  a.raise(1, 50, Join::kGreatest);
  b.put(2, 7);
  exchange(a, b);
  CHECK(a.shown() == 7);
  CHECK(shown_siblings(a.siblings()).size() == 2);
  a.add(3, 1);
  CHECK(a.shown() == 8);
}

TEST_CASE("a member that is removed and added to at the same time stays, with what its adder saw") {
  Copy a{1, {}}, b{2, {}};
  a.put(1, 10);
  exchange(a, b);
  a.remove(2);
  b.add(3, 1);
  exchange(a, b);
  CHECK(a.shown() == 11);
}

TEST_CASE("increments upon a score that is to be greatest are added to the greatest that their makers saw") {
  for (const Join join : {Join::kGreatest, Join::kLeast}) {
    const double sign = join == Join::kGreatest ? 1 : -1;
    Copy a{1, {}}, b{2, {}};
    a.raise(1, sign * 9, join);
    b.raise(2, sign * 5, join);
    Copy c{3, b.record};
    exchange(a, b);
    a.add(3, 1);
    c.add(4, 1);
    exchange(a, c);
    CHECK(a.shown() == sign * 9 + 2);
    b.add(5, 1);
    exchange(a, b);
    CHECK(a.shown() == sign * 9 + 3);
  }
}

TEST_CASE("whoever has several contributions to a base, as after a restamp, adds to all of them") {
  const auto contribution = [](Stamp stamp, double sum) {
    const DoubleContribution value{{1, 9}, Join::kLatest, 0, sum};
    return Sibling{{stamp, 1}, encode_double_contribution(value), 0, false, Join::kDoubleSum};
  };
  Siblings siblings{contribution(10, 5), contribution(11, 7)};
  REQUIRE(score_in(shown_value(siblings)) == 12);
  std::optional<Sibling> own = double_contribution(siblings, {12, 1}, 1);
  REQUIRE(own.has_value());
  place_contribution(*own, &siblings);
  CHECK(siblings.size() == 1);
  CHECK(score_in(shown_value(siblings)) == 13);
}

TEST_CASE("infinities of both signs make no score that is no number") {
  Copy a{1, {}}, b{2, {}};
  a.add(1, HUGE_VAL);
  b.add(2, -HUGE_VAL);
  exchange(a, b);
  CHECK(a.shown() == 0);
  Copy c{3, {}};
  c.add(1, HUGE_VAL);
  Change change(&c.record, {2, 3}, kNow);
  CHECK_FALSE(change.add_to_member("m", -HUGE_VAL));
}

TEST_CASE("sums of doubles are equal bit by bit, in whatever order they met") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    std::vector<Copy> copies;
    for (ActorId actor = 1; actor <= 5; ++actor) copies.push_back({actor * 1000 - seed, {}});
    copies[0].put(1, 0.1);
    for (Copy& copy : copies) copy.record.merge(copies[0].record);
    Stamp stamp = 1;
    for (int i = 0; i < 40; ++i) {
      Copy& copy = copies[random.below(5)];
      copy.add(++stamp, (static_cast<double>(random.below(2000)) - 1000) / 7 *
                            std::pow(10, static_cast<double>(random.below(12))));
      if (random.below(3) == 0) copy.record.merge(copies[random.below(5)].record);
    }
    Record all;
    for (const Copy& copy : copies) all.merge(copy.record);
    Record other;
    for (auto copy = copies.rbegin(); copy != copies.rend(); ++copy) other.merge(copy->record);
    REQUIRE(all == other);
    std::string bytes;
    encode_record(all, &bytes);
    Record decoded;
    REQUIRE(decode_record(bytes, &decoded).ok());
    REQUIRE(decoded == all);
    const Siblings& siblings = all.elements().begin()->second;
    double sum = 0.1;
    std::vector<Sibling> by_actor = siblings;
    std::sort(by_actor.begin(), by_actor.end(),
              [](const Sibling& a, const Sibling& b) { return a.dot.actor < b.dot.actor; });
    for (const Sibling& sibling : by_actor) sum += double_contribution_of(sibling).sum;
    REQUIRE(score_in(shown_value(siblings)) == sum);
  }
}

TEST_CASE("what joins otherwise than its kind can is refused") {
  std::string bytes;
  const auto refused = [](ElementKind kind, const std::string& name, const Sibling& sibling) {
    return !well_formed(kind, name, {sibling});
  };
  const std::string contribution = encode_double_contribution({{1, 1}, Join::kLatest, 2, 3});
  CHECK_FALSE(refused(kKind, "m", {{5, 6}, contribution, 0, false, Join::kDoubleSum}));
  CHECK(refused(kKind, "m", {{5, 6}, contribution, 0, false, Join::kSum}));
  CHECK(refused(kKind, "m", {{5, 6}, encode_score(NAN), 0, false, Join::kGreatest}));
  CHECK(refused(kKind, "m",
                {{5, 6}, encode_double_contribution({{}, Join::kLatest, 2, 3}), 0, false, Join::kDoubleSum}));
  CHECK(refused(ElementKind::kField, "m", {{5, 6}, contribution, 0, false, Join::kDoubleSum}));
  CHECK(refused(ElementKind::kMember, "m", {{5, 6}, "", 0, false, Join::kLeast}));
}

}  // namespace
}  // namespace starling::engine
