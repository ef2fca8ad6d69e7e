// Places, lengths and units among the arguments. Functions that return false have replied with an error.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "server/commands/geo/cell.h"
#include "server/execute/command.h"

namespace starling::server::geo {

// The metres in "m", "km", "ft" or "mi", in any mix of cases.
std::optional<double> parse_unit(std::string_view text);

[[nodiscard]] bool unit_argument(const CommandContext& context, size_t i, double* metres);
// Longitude and latitude, in arguments i and i + 1; on the map.
[[nodiscard]] bool position_arguments(const CommandContext& context, size_t i, Position* position);

// A double in RESP3 and text in RESP2, both without an exponent.
void reply_degrees(const CommandContext& context, double degrees);
void reply_position(const CommandContext& context, const Position& position);
// Text with four decimals.
void reply_distance(const CommandContext& context, double distance);

}  // namespace starling::server::geo
