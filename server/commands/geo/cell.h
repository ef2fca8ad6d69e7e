// Places on the Earth, and the numbers that they are kept as: cells of a grid over longitude and latitude.
//
// A cell's number has the bits of its column and its row by turns, from the highest ones on, the column's first
// (Morton order; Niemeyer, "geohash", 2008): cells with the same beginning make up a larger one. At kFinest there are
// 2^26 columns and as many rows, which a double holds exactly, so a place is the score of a sorted set's member.
#pragma once

#include <cstdint>
#include <string>

namespace starling::server::geo {

struct Position {
  double longitude = 0;  // Degrees, both.
  double latitude = 0;
};

inline constexpr double kMaxLongitude = 180;
// Where the square map of the web ends.
inline constexpr double kMaxLatitude = 85.05112878;
inline constexpr int kFinest = 26;

// Of the grid of 2^level columns and rows. Columns count from the west, rows from the south.
struct Cell {
  uint32_t column = 0;
  uint32_t row = 0;
  int level = kFinest;

  bool operator==(const Cell&) const = default;
};

struct Area {
  Position south_west;
  Position north_east;
};

// On the map: within the limits above. False for NaN.
bool is_on_map(const Position& position);

// Precondition: on the map.
Cell cell_at(const Position& position, int level);
Area area_of(const Cell& cell);
// The one so many columns and rows away; columns and rows go round.
Cell neighbour(const Cell& cell, int columns, int rows);

// The score of a member that is there. Precondition: on the map.
double score_at(const Position& position);
// The middle of the cell that the score says. Of scores that say none, some place on the map.
Position position_of(double score);
// The scores of what is in the cell: from `first` to below `end`.
struct ScoreSpan {
  double first = 0;
  double end = 0;
};
ScoreSpan scores_in(const Cell& cell);

// The 11 letters of geohash.org, the last of them always '0': there are 52 bits. Its grid reaches to the poles.
std::string letters_of(const Position& position);

// Along the surface of a sphere, in metres.
double distance_m(const Position& a, const Position& b);
// Of two latitudes.
double latitude_distance_m(double a, double b);
double degrees(double radians);
double radians(double degrees);
inline constexpr double kEarthRadiusM = 6372797.560856;

}  // namespace starling::server::geo
