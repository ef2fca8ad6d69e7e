// Commands that take items off an end of a list, at once or when there are some.
#include <algorithm>
#include <string>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/lists/ends.h"
#include "server/commands/lists/handlers.h"
#include "server/commands/waits.h"

namespace starling::server::lists {
namespace {

using engine::ListView;
using engine::Type;

void pop(CommandContext& context, ListEnd end) {
  if (context.size() > 3) {
    return context.reply.error("ERR wrong number of arguments for '" + std::string(context.spec.name) +
                               "' command");
  }
  int64_t most = 1;
  const bool counts = context.size() == 3;
  if (counts && !integer_argument_between(context, 2, 0, INT64_MAX, &most, kNotPositiveError)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kList, &found)) return;
  if (!found) return counts ? context.reply.null_array() : context.reply.null();
  const ListView list(found.collection());
  const uint64_t size = list.size(), count = std::min(size, static_cast<uint64_t>(most));
  if (counts) {
    reply_items(context, list, end, count);
  } else {
    context.reply.bulk(list.at(end == ListEnd::kFront ? 0 : size - 1));
  }
  drop(context, key, end, count, size);
}

enum class Shape { kKeyAndItem, kKeyAndItems };
// Whether who waits longer comes first.
enum class Turn { kAnybodys, kLongestWaiting };

// Of the first of the keys at these positions that holds something. True: replied, if only with an error.
bool pop_any(CommandContext& context, std::span<const size_t> positions, ListEnd end, int64_t most,
             Shape shape, Turn turn) {
  for (const size_t position : positions) {
    const engine::Key key = context.key(position);
    engine::Found found;
    const bool waits = turn == Turn::kLongestWaiting;
    if (!(waits ? find_for_waiting(context, key, Type::kList, &found)
                : find_to_change(context, key, Type::kList, &found)))
      return true;
    if (!found) continue;
    const ListView list(found.collection());
    const uint64_t size = list.size();
    if (waits && !is_turn(context, key, Type::kList, size)) continue;
    const uint64_t count = std::min(size, static_cast<uint64_t>(most));
    context.reply.array(2);
    context.reply.bulk(key.name);
    if (shape == Shape::kKeyAndItems) {
      reply_items(context, list, end, count);
    } else {
      context.reply.bulk(list.at(end == ListEnd::kFront ? 0 : size - 1));
    }
    drop(context, key, end, count, size);
    return true;
  }
  return false;
}

void blocking_pop(CommandContext& context, ListEnd end) {
  int64_t timeout_ms = 0;
  if (!timeout_argument(context, &timeout_ms)) return;
  const std::vector<size_t> positions = positions_from(1, context.size() - 2);
  if (pop_any(context, positions, end, 1, Shape::kKeyAndItem, Turn::kLongestWaiting)) return;
  if (!wait_for(context, Type::kList, positions, timeout_ms)) context.reply.null_array();
}

struct MultiplePop {
  std::vector<size_t> positions;
  ListEnd end = ListEnd::kFront;
  int64_t count = 1;
};

// The arguments from `number_at` on, where the number of keys is. False: an error was replied.
bool multiple_pop(const CommandContext& context, size_t number_at, MultiplePop* pop) {
  int64_t keys = 0;
  if (!integer_argument_between(context, number_at, 1, INT64_MAX, &keys,
                                "ERR numkeys should be greater than 0"))
    return false;
  const auto left = static_cast<int64_t>(context.size() - number_at - 1);
  if (keys >= left) {
    context.reply.error(kSyntaxError);
    return false;
  }
  const size_t end_at = number_at + 1 + static_cast<size_t>(keys);
  if (!end_argument(context, end_at, &pop->end)) return false;
  pop->positions = positions_from(number_at + 1, static_cast<size_t>(keys));
  bool counted = false;
  for (size_t i = end_at + 1; i < context.size(); i += 2) {
    if (counted || i + 1 == context.size() || !is_word(context.argument(i), "count")) {
      context.reply.error(kSyntaxError);
      return false;
    }
    counted = true;
    if (!integer_argument_between(context, i + 1, 1, INT64_MAX, &pop->count,
                                  "ERR count should be greater than 0"))
      return false;
  }
  return true;
}

}  // namespace

void lpop(CommandContext& context) {
  pop(context, ListEnd::kFront);
}

void rpop(CommandContext& context) {
  pop(context, ListEnd::kBack);
}

void lmpop(CommandContext& context) {
  MultiplePop pop;
  if (!multiple_pop(context, 1, &pop)) return;
  if (!pop_any(context, pop.positions, pop.end, pop.count, Shape::kKeyAndItems, Turn::kAnybodys))
    context.reply.null_array();
}

void blpop(CommandContext& context) {
  blocking_pop(context, ListEnd::kFront);
}

void brpop(CommandContext& context) {
  blocking_pop(context, ListEnd::kBack);
}

void blmpop(CommandContext& context) {
  int64_t timeout_ms = 0;
  MultiplePop pop;
  if (!multiple_pop(context, 2, &pop) || !timeout_argument(context, &timeout_ms)) return;
  if (pop_any(context, pop.positions, pop.end, pop.count, Shape::kKeyAndItems, Turn::kLongestWaiting)) return;
  if (!wait_for(context, Type::kList, pop.positions, timeout_ms)) context.reply.null_array();
}

}  // namespace starling::server::lists
