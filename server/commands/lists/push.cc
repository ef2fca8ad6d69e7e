// Commands that put items into a list.
#include "server/commands/arguments.h"
#include "server/commands/lists/ends.h"
#include "server/commands/lists/handlers.h"

namespace starling::server::lists {
namespace {

using engine::Type;

void push_all(CommandContext& context, ListEnd end, bool only_if_there) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kList, &found)) return;
  if (!found && only_if_there) return context.reply.integer(0);
  const uint64_t before = found ? found.collection().size() : 0;
  push(context, key, end, context.arguments.subspan(2), !found);
  context.reply.integer(static_cast<int64_t>(before + context.size() - 2));
}

// The index of the first such item; size() when there is none.
uint64_t index_of(engine::ListView list, std::string_view item) {
  uint64_t index = 0;
  list.walk(0, list.size(), [&](std::string_view candidate) {
    if (candidate == item) return false;
    ++index;
    return true;
  });
  return index;
}

}  // namespace

void lpush(CommandContext& context) {
  push_all(context, ListEnd::kFront, false);
}

void rpush(CommandContext& context) {
  push_all(context, ListEnd::kBack, false);
}

void lpushx(CommandContext& context) {
  push_all(context, ListEnd::kFront, true);
}

void rpushx(CommandContext& context) {
  push_all(context, ListEnd::kBack, true);
}

void linsert(CommandContext& context) {
  const bool behind = is_word(context.argument(2), "after");
  if (!behind && !is_word(context.argument(2), "before")) return context.reply.error(kSyntaxError);
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kList, &found)) return;
  if (!found) return context.reply.integer(0);
  const engine::ListView list(found.collection());
  const uint64_t size = list.size(), pivot = index_of(list, context.argument(3));
  if (pivot == size) return context.reply.integer(-1);
  engine::List(context.database, key).insert(behind ? pivot + 1 : pivot, context.argument(4));
  context.notify(kNotifyList, "linsert", key.name);
  context.reply.integer(static_cast<int64_t>(size + 1));
}

void lset(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kList, &found)) return;
  if (!found) return context.reply.error(kNoSuchKeyError);
  int64_t index = 0;
  if (!integer_argument(context, 2, &index)) return;
  uint64_t place = 0;
  if (!place_of(index, found.collection().size(), &place))
    return context.reply.error("ERR index out of range");
  engine::List(context.database, key).set(place, context.argument(3));
  context.notify(kNotifyList, "lset", key.name);
  context.reply.ok();
}

}  // namespace starling::server::lists
