#include "server/commands/sorted_sets/bounds.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string_view>

namespace starling::server::sorted_sets {
namespace {

using namespace std::string_view_literals;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_CASE("bounds by score, as strtod reads them") {
  const auto parsed = [](std::string_view text) {
    ScoreBound bound;
    REQUIRE_MESSAGE(parse_score_bound(text, &bound), text);
    return std::make_pair(bound.score, bound.excluded);
  };
  CHECK(parsed("1.5") == std::make_pair(1.5, false));
  CHECK(parsed("(1.5") == std::make_pair(1.5, true));
  CHECK(parsed("-inf") == std::make_pair(-kInfinity, false));
  CHECK(parsed("(+inf") == std::make_pair(kInfinity, true));
  CHECK(parsed("") == std::make_pair(0.0, false));
  CHECK(parsed("(") == std::make_pair(0.0, true));
  CHECK(parsed(" 2") == std::make_pair(2.0, false));
  CHECK(parsed("1e400") == std::make_pair(kInfinity, false));
  CHECK(parsed("0x10") == std::make_pair(16.0, false));
  CHECK(parsed("3\0x"sv) == std::make_pair(3.0, false));
  ScoreBound bound;
  for (const std::string_view text : {"abc", "nan", "(nan", "((1", "1 ", "[1", "-", "+"})
    CHECK_FALSE_MESSAGE(parse_score_bound(text, &bound), text);
}

TEST_CASE("bounds by member") {
  const auto kind = [](std::string_view text) {
    MemberBound bound;
    REQUIRE_MESSAGE(parse_member_bound(text, &bound), text);
    return bound;
  };
  CHECK(kind("-").kind == MemberBound::Kind::kBeforeAll);
  CHECK(kind("+").kind == MemberBound::Kind::kBehindAll);
  CHECK(kind("[a").kind == MemberBound::Kind::kIncluded);
  CHECK(kind("(a\0b"sv).kind == MemberBound::Kind::kExcluded);
  CHECK(kind("(a\0b"sv).member == "a\0b"sv);
  CHECK(kind("[").member.empty());
  MemberBound bound;
  for (const std::string_view text : {""sv, "a"sv, "-a"sv, "+a"sv, "\0"sv})
    CHECK_FALSE_MESSAGE(parse_member_bound(text, &bound), text);
}

TEST_CASE("bounds in a sorted set") {
  engine::SortedSetMaker maker(5);
  for (int i = 0; i < 5; ++i) maker.put(std::string(1, static_cast<char>('a' + i)), i);
  const auto collection = maker.take();
  collection->put_in_order();
  const engine::SortedSetView view(*collection);
  const auto in = [&](const Bounds& bounds) {
    const RankRange range = bounds.in(view);
    return std::make_pair(range.first, range.count);
  };
  using Pair = std::pair<uint64_t, uint64_t>;
  CHECK(in({.by = By::kRank, .start = 0, .stop = -1}) == Pair(0, 5));
  CHECK(in({.by = By::kRank, .start = -2, .stop = 100}) == Pair(3, 2));
  CHECK(in({.by = By::kRank, .start = -100, .stop = 0}) == Pair(0, 1));
  for (const auto& [start, stop] :
       {std::pair<int64_t, int64_t>(3, 2), {5, 9}, {0, -6}, {INT64_MAX, INT64_MIN}})
    CHECK(in({.by = By::kRank, .start = start, .stop = stop}).second == 0);
  CHECK(in({.by = By::kScore, .min_score = {1, false}, .max_score = {3, false}}) == Pair(1, 3));
  CHECK(in({.by = By::kScore, .min_score = {1, true}, .max_score = {3, true}}) == Pair(2, 1));
  CHECK(in({.by = By::kScore, .min_score = {2, true}, .max_score = {2, false}}).second == 0);
  CHECK(in({.by = By::kScore, .min_score = {3, false}, .max_score = {1, false}}).second == 0);
}

TEST_CASE("offsets and limits, from either end") {
  const auto of = [](int64_t offset, int64_t limit, bool reverse) {
    const RankRange range = limited({10, 5}, offset, limit, reverse);
    return std::make_pair(range.first, range.count);
  };
  using Pair = std::pair<uint64_t, uint64_t>;
  CHECK(of(0, -1, false) == Pair(10, 5));
  CHECK(of(1, 2, false) == Pair(11, 2));
  CHECK(of(1, 2, true) == Pair(12, 2));
  CHECK(of(4, 9, true) == Pair(10, 1));
  CHECK(of(2, INT64_MIN, true) == Pair(10, 3));
  for (const auto& [offset, limit] : {std::pair<int64_t, int64_t>(5, 1), {-1, 2}, {INT64_MAX, 1}, {0, 0}})
    CHECK(of(offset, limit, false).second == 0);
}

}  // namespace
}  // namespace starling::server::sorted_sets
