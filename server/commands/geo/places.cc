// GEOADD, GEOPOS, GEOHASH and GEODIST.
#include <optional>
#include <vector>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/commands/arguments.h"
#include "server/commands/geo/arguments.h"
#include "server/commands/geo/cell.h"
#include "server/commands/geo/handlers.h"
#include "server/commands/sorted_sets/add.h"

namespace starling::server::geo {
namespace {

using engine::Type;

std::optional<Position> position_in(const engine::Found& found, std::string_view member) {
  if (!found) return std::nullopt;
  const std::optional<double> score = engine::SortedSetView(found.collection()).score(member);
  if (!score.has_value()) return std::nullopt;
  return position_of(*score);
}

}  // namespace

void geoadd(CommandContext& context) {
  constexpr size_t kWordsEach = 3;
  sorted_sets::AddOptions options;
  size_t at = 2;
  for (; at < context.size(); ++at) {
    const std::string_view word = context.argument(at);
    if (is_word(word, "nx")) {
      options.only_new = true;
    } else if (is_word(word, "xx")) {
      options.only_present = true;
    } else if (is_word(word, "ch")) {
      options.count_changed = true;
    } else {
      break;
    }
  }
  const size_t left = context.size() - at;
  if (left == 0 || left % kWordsEach != 0 || (options.only_new && options.only_present)) {
    return context.reply.error(kSyntaxError);
  }
  std::vector<engine::ScoredMember> members;
  for (; at < context.size(); at += kWordsEach) {
    Position position;
    if (!position_arguments(context, at, &position)) return;
    members.push_back({context.argument(at + 2), score_at(position)});
  }
  sorted_sets::add_members(context, options, members);
}

void geodist(CommandContext& context) {
  double unit_m = 1;
  if (context.size() > 5) return context.reply.error(kSyntaxError);
  if (context.size() == 5 && !unit_argument(context, 4, &unit_m)) return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  const std::optional<Position> from = position_in(found, context.argument(2));
  const std::optional<Position> to = position_in(found, context.argument(3));
  if (!from.has_value() || !to.has_value()) return context.reply.null();
  reply_distance(context, distance_m(*from, *to) / unit_m);
}

void geohash(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i) {
    const std::optional<Position> position = position_in(found, context.argument(i));
    if (position.has_value()) {
      context.reply.bulk(letters_of(*position));
    } else {
      context.reply.null();
    }
  }
}

void geopos(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i) {
    const std::optional<Position> position = position_in(found, context.argument(i));
    if (position.has_value()) {
      reply_position(context, *position);
    } else {
      context.reply.null_array();
    }
  }
}

}  // namespace starling::server::geo
