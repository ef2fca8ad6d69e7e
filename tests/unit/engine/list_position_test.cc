#include "engine/record/list_position.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"

namespace starling::engine {
namespace {

constexpr ActorId kAnn = 7, kBob = 9;

TEST_CASE("pushes stand in the order of time at the back, and against it at the front") {
  const std::string first = pushed_position(ListEnd::kBack, {100, kBob}, 0);
  const std::string second = pushed_position(ListEnd::kBack, {101, kAnn}, 0);
  CHECK(first < second);
  const std::string front = pushed_position(ListEnd::kFront, {102, kAnn}, 0);
  CHECK(front < first);
  CHECK(pushed_position(ListEnd::kFront, {103, kBob}, 0) < front);
}

TEST_CASE("the items of one push stand together, whatever their number") {
  std::string previous;
  const uint32_t indexes[] = {
      0, 1, 127, 128, 129, 16383, 16384, (1 << 21) - 1, 1 << 21, (1 << 28) - 1, 1 << 28, UINT32_MAX};
  for (const uint32_t index : indexes) {
    const std::string back = pushed_position(ListEnd::kBack, {100, kAnn}, index);
    CHECK(is_position(back));
    CHECK(previous < back);
    previous = back;
  }
  CHECK(previous < pushed_position(ListEnd::kBack, {100, kBob}, 0));
  previous.clear();
  for (const uint32_t index : indexes) {
    const std::string front = pushed_position(ListEnd::kFront, {100, kAnn}, index);
    CHECK(is_position(front));
    if (!previous.empty()) CHECK(front < previous);
    previous = front;
  }
}

TEST_CASE("what no encoder makes is no position") {
  const std::string good = pushed_position(ListEnd::kBack, {100, kAnn}, 300);
  for (size_t cut = 0; cut < good.size(); ++cut) CHECK_FALSE(is_position(good.substr(0, cut)));
  std::string longer = good;
  longer[17] = static_cast<char>(0xc0);  // Three bytes for what two can say.
  longer.insert(18, 1, '\0');
  CHECK_FALSE(is_position(longer));
  std::string side = *position_between(good, "", {200, kAnn});
  CHECK(is_position(side));
  side[good.size() - 1] = 0x20;
  CHECK_FALSE(is_position(side));
  CHECK_FALSE(is_position(std::string("\x10") + good.substr(1)));
  CHECK_FALSE(is_position(good + std::string(20000, '\0')));
}

TEST_CASE("insertions stand where they were made, at random places and by several nodes") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    std::vector<std::string> names;
    Stamp stamp = 1000;
    for (int i = 0; i < 300; ++i) {
      const Dot dot{++stamp, random.below(2) == 0 ? kAnn : kBob};
      const uint64_t what = random.below(10);
      if (what == 0 || names.empty()) {
        names.push_back(pushed_position(ListEnd::kBack, dot, 0));
      } else if (what == 1) {
        names.insert(names.begin(), pushed_position(ListEnd::kFront, dot, 0));
      } else if (what == 2) {
        names.erase(names.begin() + static_cast<ptrdiff_t>(random.below(names.size())));
      } else {
        const uint64_t place = random.below(names.size() + 1);
        const std::optional<std::string> name = position_between(
            place == 0 ? "" : names[place - 1], place == names.size() ? "" : names[place], dot);
        REQUIRE(name.has_value());
        REQUIRE(is_position(*name));
        names.insert(names.begin() + static_cast<ptrdiff_t>(place), *name);
      }
      REQUIRE(std::is_sorted(names.begin(), names.end()));
      REQUIRE(std::adjacent_find(names.begin(), names.end()) == names.end());
    }
  }
}

TEST_CASE("what two nodes insert at one place apart is not mixed") {
  const std::string left = pushed_position(ListEnd::kBack, {100, kAnn}, 0);
  const std::string right = pushed_position(ListEnd::kBack, {101, kAnn}, 0);
  std::vector<std::pair<std::string, char>> all;
  for (const auto& [actor, who] : {std::pair(kAnn, 'a'), std::pair(kBob, 'b')}) {
    std::string before = left;
    for (Stamp stamp = 200; stamp < 250; ++stamp) {
      before = *position_between(before, right, {stamp, actor});
      all.emplace_back(before, who);
    }
  }
  std::sort(all.begin(), all.end());
  std::string order;
  for (const auto& [name, who] : all) order += who;
  CHECK((order == std::string(50, 'a') + std::string(50, 'b') ||
         order == std::string(50, 'b') + std::string(50, 'a')));
}

TEST_CASE("a run from left to right takes no longer names") {
  std::string before = pushed_position(ListEnd::kBack, {100, kAnn}, 0);
  const std::string right = pushed_position(ListEnd::kBack, {101, kAnn}, 0);
  const size_t once = position_between(before, right, {199, kAnn})->size();
  for (Stamp stamp = 200; stamp < 1200; ++stamp) {
    before = *position_between(before, right, {stamp, kAnn});
    REQUIRE(before.size() <= once + 1);  // The index's second byte.
  }
}

TEST_CASE("a run from right to left takes no longer names either, at the front and behind a neighbour") {
  const std::string right = pushed_position(ListEnd::kBack, {101, kAnn}, 0);
  const std::string left = pushed_position(ListEnd::kBack, {100, kAnn}, 0);
  for (const std::string& before : {std::string(), left}) {
    std::string behind = right;
    // The first one behind a neighbour is below that one, the second begins the run.
    for (Stamp stamp = 200; stamp < 202; ++stamp) behind = *position_between(before, behind, {stamp, kAnn});
    const size_t once = behind.size();
    for (Stamp stamp = 202; stamp < 1200; ++stamp) {
      const std::string next = *position_between(before, behind, {stamp, kAnn});
      REQUIRE(is_position(next));
      REQUIRE(before < next);
      REQUIRE(next < behind);
      REQUIRE(next.size() <= once + 1);  // The index's second byte.
      behind = next;
    }
  }
}

TEST_CASE("what is too long is not made") {
  // Two nodes by turns, each before the other's: each is below the one before.
  std::string behind = pushed_position(ListEnd::kBack, {101, kAnn}, 0);
  Stamp made = 0;
  while (const std::optional<std::string> name =
             position_between("", behind, {2000 + made, made % 2 == 0 ? kAnn : kBob})) {
    REQUIRE(*name < behind);
    behind = *name;
    ++made;
  }
  CHECK(made > 400);
}

}  // namespace
}  // namespace starling::engine
