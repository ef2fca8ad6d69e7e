// Commands that move an item from an end of a list to an end of another one, or of the same.
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/lists/ends.h"
#include "server/commands/lists/handlers.h"
#include "server/commands/waits.h"

namespace starling::server::lists {
namespace {

using engine::Type;

struct Ends {
  ListEnd from = ListEnd::kBack;
  ListEnd to = ListEnd::kFront;
};

// Arguments 3 and 4. False: an error was replied.
bool ends_arguments(const CommandContext& context, Ends* ends) {
  return end_argument(context, 3, &ends->from) && end_argument(context, 4, &ends->to);
}

// False: there is nothing to move; nothing was replied.
bool move(CommandContext& context, const Ends& ends, bool waits) {
  const engine::Key from = context.key(1), to = context.key(2);
  engine::Found source, target;
  if (!(waits ? find_for_waiting(context, from, Type::kList, &source)
              : find_to_change(context, from, Type::kList, &source)))
    return true;
  if (!source) return false;
  const uint64_t size = source.collection().size();
  if (waits && !is_turn(context, from, Type::kList, size)) return false;
  if (!find_to_change(context, to, Type::kList, &target)) return true;
  // A copy: it is gone from there before it is here.
  const std::string item(
      engine::ListView(source.collection()).at(ends.from == ListEnd::kFront ? 0 : size - 1));
  const std::string_view items[] = {item};
  // Into the other list first, as Redis tells of it; one that is rotated never is without an item.
  push(context, to, ends.to, items, !target);
  if (from.name == to.name) {
    const bool at_front = ends.from == ListEnd::kFront;
    const uint64_t shift = at_front && ends.to == ListEnd::kFront ? 1 : 0;
    const uint64_t index = at_front ? shift : size - (ends.to == ListEnd::kBack ? 1 : 0);
    (void)engine::List(context.database, from).remove(index, 1);
    context.notify(kNotifyList, at_front ? "lpop" : "rpop", from.name);
  } else {
    drop(context, from, ends.from, 1, size);
  }
  context.reply.bulk(item);
  return true;
}

void move_or_wait(CommandContext& context, const Ends& ends) {
  int64_t timeout_ms = 0;
  if (!timeout_argument(context, &timeout_ms)) return;
  if (move(context, ends, true)) return;
  constexpr size_t kSource[] = {1};
  if (wait_for(context, Type::kList, kSource, timeout_ms)) return;
  if (context.in_exec) return context.reply.null();
  context.reply.null_array();
}

}  // namespace

void lmove(CommandContext& context) {
  Ends ends;
  if (!ends_arguments(context, &ends)) return;
  if (!move(context, ends, false)) context.reply.null();
}

void rpoplpush(CommandContext& context) {
  if (!move(context, {}, false)) context.reply.null();
}

void blmove(CommandContext& context) {
  Ends ends;
  if (!ends_arguments(context, &ends)) return;
  move_or_wait(context, ends);
}

void brpoplpush(CommandContext& context) {
  move_or_wait(context, {});
}

}  // namespace starling::server::lists
