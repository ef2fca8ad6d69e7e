#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/base/seeded_random.h"
#include "server/commands/geo/arguments.h"
#include "server/commands/geo/cell.h"
#include "server/commands/geo/shape.h"
#include "tests/unit/engine/random_run.h"

namespace starling::server::geo {
namespace {

constexpr Position kPalermo{13.361389, 38.115556};
constexpr Position kCatania{15.087269, 37.502669};

double between(engine::SeededRandom& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random.below(1'000'000'001)) / 1e9;
}

Position anywhere(engine::SeededRandom& random) {
  return {between(random, -kMaxLongitude, kMaxLongitude), between(random, -kMaxLatitude, kMaxLatitude)};
}

// By the angle between two vectors.
double distance_by_vectors(const Position& a, const Position& b) {
  const double dot = std::sin(radians(a.latitude)) * std::sin(radians(b.latitude)) +
                     std::cos(radians(a.latitude)) * std::cos(radians(b.latitude)) *
                         std::cos(radians(a.longitude - b.longitude));
  return kEarthRadiusM * std::acos(std::clamp(dot, -1.0, 1.0));
}

TEST_CASE("places of Sicily, as redis-server 7.0.15 has them") {
  CHECK(score_at(kPalermo) == 3479099956230698);
  CHECK(score_at(kCatania) == 3479447370796909);
  CHECK(letters_of(position_of(score_at(kPalermo))) == "sqc8b49rny0");
  CHECK(letters_of(position_of(score_at(kCatania))) == "sqdtr74hyu0");
  const double distance = distance_m(position_of(score_at(kPalermo)), position_of(score_at(kCatania)));
  CHECK(std::abs(distance - 166274.1516) < 0.0001);
}

TEST_CASE("a place is found where it was put, to a metre") {
  engine::SeededRandom random(engine::first_seed());
  for (int i = 0; i < 10'000; ++i) {
    const Position position = anywhere(random);
    const Position found = position_of(score_at(position));
    CHECK(distance_m(position, found) < 1);
    CHECK(score_at(found) == score_at(position));
  }
}

TEST_CASE("distances are those on a sphere") {
  engine::SeededRandom random(engine::first_seed());
  for (int i = 0; i < 10'000; ++i) {
    const Position a = anywhere(random), b = anywhere(random);
    CHECK(std::abs(distance_m(a, b) - distance_by_vectors(a, b)) < 1);
    CHECK(distance_m(a, b) == doctest::Approx(distance_m(b, a)));
  }
}

TEST_CASE("any number is some place on the map") {
  for (const double score : {-1.0, 0.5, 1e15, 0x1p52, 0x1p63, 1e300, -1e300, HUGE_VAL, -HUGE_VAL, -0.0})
    CHECK(is_on_map(position_of(score)));
  CHECK(is_on_map({-180, -85.05112878}));
  CHECK_FALSE(is_on_map({180.1, 0}));
  CHECK_FALSE(is_on_map({0, 85.06}));
  CHECK_FALSE(is_on_map({std::nan(""), 0}));
}

TEST_CASE("neighbours go round") {
  const Cell west{0, 5, 3};
  CHECK(neighbour(west, -1, 0) == Cell{7, 5, 3});
  CHECK(neighbour(neighbour(west, -1, 0), 1, 0) == west);
  CHECK(neighbour(west, 0, 3) == Cell{0, 0, 3});
}

TEST_CASE("cells that cover a shape hold all that is in it") {
  for (uint64_t seed = engine::first_seed(); seed < engine::first_seed() + engine::seed_count(300); ++seed) {
    CAPTURE(seed);
    engine::SeededRandom random(seed);
    Shape shape;
    // Away from the edges of the map, beyond which bounds go.
    shape.centre = {between(random, -120, 120), between(random, -60, 60)};
    const double length = std::pow(10, between(random, 0, 6));
    shape.kind = random.below(2) == 0 ? Shape::Kind::kCircle : Shape::Kind::kBox;
    shape.radius = length;
    shape.width = between(random, 0, 2) * length;
    shape.height = between(random, 0, 2) * length;
    const std::vector<Cell> cells = cover(shape);
    int inside = 0;
    for (int i = 0; i < 300; ++i) {
      const double reach = degrees(length / kEarthRadiusM);
      const Position place{shape.centre.longitude + between(random, -2, 2) * reach,
                           shape.centre.latitude + between(random, -1, 1) * reach};
      const double score = score_at(place);
      double distance = 0;
      if (!shape.contains(position_of(score), &distance)) continue;
      ++inside;
      const auto holds = [&](const Cell& cell) {
        const ScoreSpan span = scores_in(cell);
        return score >= span.first && score < span.end;
      };
      CHECK(std::count_if(cells.begin(), cells.end(), holds) == 1);
    }
    if (shape.kind == Shape::Kind::kCircle) CHECK(inside > 0);
  }
}

TEST_CASE("units in any case") {
  CHECK(parse_unit("KM") == 1000);
  CHECK(parse_unit("Ft") == 0.3048);
  CHECK_FALSE(parse_unit("yd").has_value());
  CHECK_FALSE(parse_unit("").has_value());
}

}  // namespace
}  // namespace starling::server::geo
