#include "server/commands/geo/arguments.h"

#include <cstdio>
#include <string>

#include "resp/number.h"
#include "server/commands/arguments.h"

namespace starling::server::geo {

std::optional<double> parse_unit(std::string_view text) {
  if (is_word(text, "m")) return 1;
  if (is_word(text, "km")) return 1000;
  if (is_word(text, "ft")) return 0.3048;
  if (is_word(text, "mi")) return 1609.34;
  return std::nullopt;
}

bool unit_argument(const CommandContext& context, size_t i, double* metres) {
  const std::optional<double> unit = parse_unit(context.argument(i));
  if (!unit.has_value()) {
    context.reply.error("ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
  }
  *metres = *unit;
  return true;
}

bool position_arguments(const CommandContext& context, size_t i, Position* position) {
  if (!real_argument(context, i, &position->longitude)) return false;
  if (!real_argument(context, i + 1, &position->latitude)) return false;
  if (is_on_map(*position)) return true;
  char text[1024];  // The largest doubles have 309 digits before the point.
  const int size = std::snprintf(text, sizeof text, "ERR invalid longitude,latitude pair %f,%f",
                                 position->longitude, position->latitude);
  context.reply.error({text, static_cast<size_t>(size)});
  return false;
}

void reply_degrees(const CommandContext& context, double degrees) {
  const std::string text = resp::format_human(degrees);
  if (context.reply.protocol() < 3) return context.reply.bulk(text);
  context.reply.raw("," + text + "\r\n");
}

void reply_position(const CommandContext& context, const Position& position) {
  context.reply.array(2);
  reply_degrees(context, position.longitude);
  reply_degrees(context, position.latitude);
}

void reply_distance(const CommandContext& context, double distance) {
  char text[512];  // The largest double has 309 digits before the point.
  const int size = std::snprintf(text, sizeof text, "%.4f", distance);
  context.reply.bulk({text, static_cast<size_t>(size)});
}

}  // namespace starling::server::geo
