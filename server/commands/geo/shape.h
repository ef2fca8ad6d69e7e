// The shapes that places are searched in, and the cells of the grid that cover one.
#pragma once

#include <vector>

#include "server/commands/geo/cell.h"

namespace starling::server::geo {

// All lengths are in metres; they may be infinite, and are neither negative nor NaN.
struct Shape {
  enum class Kind : uint8_t { kCircle, kBox };

  Position centre;
  Kind kind = Kind::kCircle;
  double radius = 0;             // Of a circle.
  double width = 0, height = 0;  // Of a box.

  // Whether the position is in it; then `distance`, from the centre, is set.
  bool contains(const Position& position, double* distance) const;
};

// Some cells, none twice, which hold all of the shape that is on the map: in the order in which Redis looks through
// them, so that results without an order come in the same one. Precondition: the centre is on the map.
std::vector<Cell> cover(const Shape& shape);

}  // namespace starling::server::geo
