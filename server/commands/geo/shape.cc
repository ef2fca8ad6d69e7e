#include "server/commands/geo/shape.h"

#include <algorithm>
#include <cmath>

namespace starling::server::geo {
namespace {

// The least rectangle of the map that the shape is in, as far as that can be said.
Area bounds_of(const Shape& shape) {
  const bool circle = shape.kind == Shape::Kind::kCircle;
  const double height = circle ? shape.radius : shape.height / 2;
  const double width = circle ? shape.radius : shape.width / 2;
  const auto [longitude, latitude] = shape.centre;
  const double rows = degrees(height / kEarthRadiusM);
  // A degree of longitude is shortest at the edge that is nearer to a pole.
  const double edge = latitude < 0 ? latitude - rows : latitude + rows;
  const double columns = degrees(width / kEarthRadiusM / std::cos(radians(edge)));
  return {{longitude - columns, latitude - rows}, {longitude + columns, latitude + rows}};
}

// How fine a grid may be, so that a cell and its neighbours hold what is as far away as the radius.
int level_for(double radius, double latitude) {
  constexpr double kMapEdgeM = 20037726.37;
  if (radius == 0) return kFinest;
  int level = -1;
  for (double reach = radius; reach < kMapEdgeM; reach *= 2) ++level;
  // Towards the poles cells are narrower.
  if (std::abs(latitude) > 66) --level;
  if (std::abs(latitude) > 80) --level;
  return std::clamp(level, 1, kFinest);
}

// Whether the cells around reach as far as the bounds, each in its direction.
bool reaches(const Cell& cell, const Area& bounds) {
  return area_of(neighbour(cell, 0, 1)).north_east.latitude >= bounds.north_east.latitude &&
         area_of(neighbour(cell, 0, -1)).south_west.latitude <= bounds.south_west.latitude &&
         area_of(neighbour(cell, 1, 0)).north_east.longitude >= bounds.north_east.longitude &&
         area_of(neighbour(cell, -1, 0)).south_west.longitude <= bounds.south_west.longitude;
}

}  // namespace

bool Shape::contains(const Position& position, double* distance) const {
  if (kind == Kind::kCircle) {
    *distance = distance_m(centre, position);
    return *distance <= radius;
  }
  if (latitude_distance_m(position.latitude, centre.latitude) > height / 2) return false;
  if (distance_m(position, {centre.longitude, position.latitude}) > width / 2) return false;
  *distance = distance_m(centre, position);
  return true;
}

std::vector<Cell> cover(const Shape& shape) {
  const Area bounds = bounds_of(shape);
  const double radius =
      shape.kind == Shape::Kind::kCircle
          ? shape.radius
          : std::sqrt(shape.width / 2 * (shape.width / 2) + shape.height / 2 * (shape.height / 2));
  int level = level_for(radius, shape.centre.latitude);
  if (level > 1 && !reaches(cell_at(shape.centre, level), bounds)) --level;
  const Cell middle = cell_at(shape.centre, level);
  const Area area = area_of(middle);
  // Where the middle cell itself goes beyond the bounds, those on that side hold nothing.
  const bool all = level < 2;
  const bool south = all || !(area.south_west.latitude < bounds.south_west.latitude);
  const bool north = all || !(area.north_east.latitude > bounds.north_east.latitude);
  const bool west = all || !(area.south_west.longitude < bounds.south_west.longitude);
  const bool east = all || !(area.north_east.longitude > bounds.north_east.longitude);

  std::vector<Cell> cells = {middle};
  const auto add = [&](bool wanted, int columns, int rows) {
    const Cell cell = neighbour(middle, columns, rows);
    // Of a coarse grid the cells on both sides are the same.
    if (wanted && std::find(cells.begin(), cells.end(), cell) == cells.end()) cells.push_back(cell);
  };
  add(north, 0, 1);
  add(south, 0, -1);
  add(east, 1, 0);
  add(west, -1, 0);
  add(north && east, 1, 1);
  add(north && west, -1, 1);
  add(south && east, 1, -1);
  add(south && west, -1, -1);
  return cells;
}

}  // namespace starling::server::geo
