// Scores, ranks and numbers of members; members chosen at random and step by step.
#include <optional>

#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/random_elements.h"
#include "server/commands/sorted_sets/bounds.h"
#include "server/commands/sorted_sets/handlers.h"

namespace starling::server::sorted_sets {
namespace {

using engine::SortedSetView;
using engine::Type;

void count_between(CommandContext& context, By by) {
  Bounds bounds;
  engine::Found found;
  if (!bounds_arguments(context, by, 2, 3, &bounds)) return;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  if (!found) return context.reply.integer(0);
  context.reply.integer(static_cast<int64_t>(bounds.in(SortedSetView(found.collection())).count));
}

void reply_rank(CommandContext& context, bool from_end) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  if (!found) return context.reply.null();
  const SortedSetView members(found.collection());
  const std::optional<uint64_t> rank = members.rank(context.argument(2));
  if (!rank.has_value()) return context.reply.null();
  context.reply.integer(static_cast<int64_t>(from_end ? members.size() - 1 - *rank : *rank));
}

void reply_score(CommandContext& context, const engine::Found& found, std::string_view member) {
  const std::optional<double> score = found ? SortedSetView(found.collection()).score(member) : std::nullopt;
  if (!score.has_value()) return context.reply.null();
  context.reply.real(*score);
}

}  // namespace

void zcard(CommandContext& context) {
  reply_size(context, Type::kSortedSet);
}

void zcount(CommandContext& context) {
  count_between(context, By::kScore);
}

void zlexcount(CommandContext& context) {
  count_between(context, By::kMember);
}

void zmscore(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i) reply_score(context, found, context.argument(i));
}

void zrandmember(CommandContext& context) {
  if (context.size() == 2) return reply_random_element(context, Type::kSortedSet);
  int64_t count = 0;
  if (!integer_argument_between(context, 2, -INT64_MAX, INT64_MAX, &count)) return;
  if (context.size() == 3) return reply_random_elements(context, Type::kSortedSet, count, Show::kNames);
  if (context.size() > 4 || !is_word(context.argument(3), "withscores")) {
    return context.reply.error(kSyntaxError);
  }
  if (count < -INT64_MAX / 2 || count > INT64_MAX / 2) {
    return context.reply.error("ERR value is out of range");
  }
  reply_random_elements(context, Type::kSortedSet, count, Show::kNamesAndValues);
}

void zrank(CommandContext& context) {
  reply_rank(context, false);
}

void zrevrank(CommandContext& context) {
  reply_rank(context, true);
}

void zscan(CommandContext& context) {
  scan_collection(context, Type::kSortedSet);
}

void zscore(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSortedSet, &found)) return;
  reply_score(context, found, context.argument(2));
}

}  // namespace starling::server::sorted_sets
