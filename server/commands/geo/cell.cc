#include "server/commands/geo/cell.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace starling::server::geo {
namespace {

constexpr int kScoreBits = 2 * kFinest;

// The bits of the number at the even places.
uint64_t spread(uint64_t bits) {
  bits = (bits | bits << 16) & 0x0000ffff0000ffff;
  bits = (bits | bits << 8) & 0x00ff00ff00ff00ff;
  bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0f;
  bits = (bits | bits << 2) & 0x3333333333333333;
  return (bits | bits << 1) & 0x5555555555555555;
}

// The reverse; bits at odd places do not count.
uint32_t gather(uint64_t bits) {
  bits &= 0x5555555555555555;
  bits = (bits | bits >> 1) & 0x3333333333333333;
  bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0f;
  bits = (bits | bits >> 4) & 0x00ff00ff00ff00ff;
  bits = (bits | bits >> 8) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(bits | bits >> 16);
}

uint64_t number_of(const Cell& cell) {
  return spread(cell.row) | spread(cell.column) << 1;
}

double lines(int level) {
  return std::ldexp(1.0, level);
}

// How many lines of the grid are below the value, of those from -limit to limit.
uint32_t line_at(double value, double limit, int level) {
  return static_cast<uint32_t>((value + limit) / (limit + limit) * lines(level));
}

double place_of(uint64_t line, double limit, int level) {
  return -limit + static_cast<double>(line) / lines(level) * (limit + limit);
}

// A score's number. What is none is 2^63, as the processor has it where Redis runs.
uint64_t number_in(double score) {
  constexpr double kTooLarge = 0x1p63;
  if (!(score > -kTooLarge && score < kTooLarge)) return uint64_t{1} << 63;
  return static_cast<uint64_t>(static_cast<int64_t>(score));
}

}  // namespace

bool is_on_map(const Position& position) {
  return std::abs(position.longitude) <= kMaxLongitude && std::abs(position.latitude) <= kMaxLatitude;
}

Cell cell_at(const Position& position, int level) {
  return {line_at(position.longitude, kMaxLongitude, level), line_at(position.latitude, kMaxLatitude, level),
          level};
}

Area area_of(const Cell& cell) {
  const uint64_t column = cell.column, row = cell.row;
  return {{place_of(column, kMaxLongitude, cell.level), place_of(row, kMaxLatitude, cell.level)},
          {place_of(column + 1, kMaxLongitude, cell.level), place_of(row + 1, kMaxLatitude, cell.level)}};
}

Cell neighbour(const Cell& cell, int columns, int rows) {
  const uint32_t mask = (uint32_t{1} << cell.level) - 1;
  return {(cell.column + static_cast<uint32_t>(columns)) & mask,
          (cell.row + static_cast<uint32_t>(rows)) & mask, cell.level};
}

double score_at(const Position& position) {
  return static_cast<double>(number_of(cell_at(position, kFinest)));
}

Position position_of(double score) {
  const uint64_t number = number_in(score);
  const Area area = area_of({gather(number >> 1), gather(number), kFinest});
  const auto middle = [](double a, double b, double limit) { return std::clamp((a + b) / 2, -limit, limit); };
  return {middle(area.south_west.longitude, area.north_east.longitude, kMaxLongitude),
          middle(area.south_west.latitude, area.north_east.latitude, kMaxLatitude)};
}

ScoreSpan scores_in(const Cell& cell) {
  const int shift = kScoreBits - 2 * cell.level;
  const uint64_t number = number_of(cell);
  return {static_cast<double>(number << shift), static_cast<double>((number + 1) << shift)};
}

std::string letters_of(const Position& position) {
  constexpr std::string_view kAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz";
  constexpr int kLetters = 11, kBitsEach = 5;
  constexpr double kPole = 90;
  const uint64_t number = number_of({line_at(position.longitude, kMaxLongitude, kFinest),
                                     line_at(position.latitude, kPole, kFinest), kFinest});
  std::string letters;
  for (int i = 1; i < kLetters; ++i) letters += kAlphabet[(number >> (kScoreBits - i * kBitsEach)) & 31];
  letters += kAlphabet[0];
  return letters;
}

double radians(double degrees) {
  return degrees * (std::numbers::pi / 180);
}

double degrees(double radians) {
  return radians / (std::numbers::pi / 180);
}

double latitude_distance_m(double a, double b) {
  return kEarthRadiusM * std::abs(radians(b) - radians(a));
}

double distance_m(const Position& a, const Position& b) {
  // The haversine formula.
  const double v = std::sin((radians(b.longitude) - radians(a.longitude)) / 2);
  if (v == 0) return latitude_distance_m(a.latitude, b.latitude);
  const double lower = radians(a.latitude), upper = radians(b.latitude);
  const double u = std::sin((upper - lower) / 2);
  return 2 * kEarthRadiusM * std::asin(std::sqrt(u * u + std::cos(lower) * std::cos(upper) * v * v));
}

}  // namespace starling::server::geo
