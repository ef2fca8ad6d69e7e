// XLEN, XRANGE and XREVRANGE.
#include <algorithm>

#include "server/commands/arguments.h"
#include "server/commands/streams/handlers.h"
#include "server/commands/streams/ids.h"

namespace starling::server::streams {
namespace {

using engine::StreamEntry;
using engine::StreamId;
using engine::StreamView;
using engine::Type;

// COUNT, from argument 4 on; -1: none. False: an error was replied.
bool count_option(const CommandContext& context, int64_t* count) {
  *count = -1;
  for (size_t i = 4; i < context.size(); i += 2) {
    if (i + 1 == context.size() || !is_word(context.argument(i), "count")) {
      context.reply.error(kSyntaxError);
      return false;
    }
    if (!integer_argument(context, i + 1, count)) return false;
    *count = std::max<int64_t>(*count, 0);
  }
  return true;
}

void reply_range(CommandContext& context, bool backwards) {
  StreamId start, end;
  int64_t count = 0;
  if (!start_argument(context, backwards ? 3 : 2, &start) ||
      !end_argument(context, backwards ? 2 : 3, &end) || !count_option(context, &count))
    return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kStream, &found)) return;
  if (!found) return context.reply.array(0);
  if (count == 0) return context.reply.null_array();
  const StreamView stream(found.collection());
  const uint64_t first = stream.count_below(start);
  const std::optional<StreamId> behind = engine::next_of(end);
  const uint64_t last =
      std::min(behind.has_value() ? stream.count_below(*behind) : stream.size(), stream.size());
  uint64_t shown = last > first ? last - first : 0;
  if (count > 0) shown = std::min(shown, static_cast<uint64_t>(count));
  context.reply.array(shown);
  const auto visit = [&](const StreamEntry& entry) {
    reply_entry(context.reply, entry);
    return true;
  };
  if (!backwards) return stream.walk(first, shown, visit);
  if (shown != 0) stream.walk_back(last - 1, shown, visit);
}

}  // namespace

void xlen(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kStream, &found)) return;
  context.reply.integer(found ? static_cast<int64_t>(StreamView(found.collection()).size()) : 0);
}

void xrange(CommandContext& context) {
  reply_range(context, false);
}

void xrevrange(CommandContext& context) {
  reply_range(context, true);
}

}  // namespace starling::server::streams
