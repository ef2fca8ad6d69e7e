// Members removed by name or by range.
#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/sorted_sets/bounds.h"
#include "server/commands/sorted_sets/handlers.h"

namespace starling::server::sorted_sets {
namespace {

using engine::Type;

void remove_range(CommandContext& context, By by, std::string_view event) {
  const engine::Key key = context.key(1);
  Bounds bounds;
  engine::Found found;
  if (!bounds_arguments(context, by, 2, 3, &bounds)) return;
  if (!find_to_change(context, key, Type::kSortedSet, &found)) return;
  if (!found) return context.reply.integer(0);
  const engine::SortedSetView members(found.collection());
  const RankRange range = bounds.in(members);
  const bool all = range.count == members.size();
  if (all) {
    context.database.remove(key);
  } else if (range.count != 0) {
    engine::SortedSet(context.database, key).remove_range(range.first, range.count);
  }
  if (range.count != 0) context.notify(kNotifySortedSet, event, key.name);
  if (all) context.notify(kNotifyGeneric, "del", key.name);
  context.reply.integer(static_cast<int64_t>(range.count));
}

}  // namespace

void zrem(CommandContext& context) {
  remove_elements(context, Type::kSortedSet, kNotifySortedSet, "zrem");
}

void zremrangebylex(CommandContext& context) {
  remove_range(context, By::kMember, "zremrangebylex");
}

void zremrangebyrank(CommandContext& context) {
  remove_range(context, By::kRank, "zremrangebyrank");
}

void zremrangebyscore(CommandContext& context) {
  remove_range(context, By::kScore, "zremrangebyscore");
}

}  // namespace starling::server::sorted_sets
