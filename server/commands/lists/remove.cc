// Commands that remove items wherever they are in a list.
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/lists/ends.h"
#include "server/commands/lists/handlers.h"

namespace starling::server::lists {
namespace {

using engine::List;
using engine::ListView;
using engine::Type;

// The indexes of up to `count` such items, 0: of all; the last ones first.
std::vector<uint64_t> last_first(ListView list, std::string_view item, int64_t count) {
  std::vector<uint64_t> indexes;
  const uint64_t most = count < 0 ? -static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  uint64_t index = count < 0 ? list.size() - 1 : 0;
  const auto look = [&](std::string_view candidate) {
    if (candidate == item) indexes.push_back(index);
    index += count < 0 ? static_cast<uint64_t>(-1) : 1;
    return most == 0 || indexes.size() < most;
  };
  if (count < 0) {
    list.walk_back(list.size() - 1, list.size(), look);
    return indexes;
  }
  list.walk(0, list.size(), look);
  return {indexes.rbegin(), indexes.rend()};
}

}  // namespace

void lrem(CommandContext& context) {
  int64_t count = 0;
  if (!integer_argument(context, 2, &count)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kList, &found)) return;
  if (!found) return context.reply.integer(0);
  const ListView before(found.collection());
  const std::vector<uint64_t> indexes = last_first(before, context.argument(3), count);
  const bool all = indexes.size() == before.size();
  if (all) {
    context.database.remove(key);
  } else if (!indexes.empty()) {
    List list(context.database, key);
    for (const uint64_t index : indexes) (void)list.remove(index, 1);
  }
  if (!indexes.empty()) context.notify(kNotifyList, "lrem", key.name);
  if (all) context.notify(kNotifyGeneric, "del", key.name);
  context.reply.integer(static_cast<int64_t>(indexes.size()));
}

void ltrim(CommandContext& context) {
  int64_t start = 0, stop = 0;
  if (!integer_argument(context, 2, &start) || !integer_argument(context, 3, &stop)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kList, &found)) return;
  if (!found) return context.reply.ok();
  const uint64_t size = found.collection().size();
  const Stretch kept = stretch_of(start, stop, size);
  if (kept.count == 0) {
    context.database.remove(key);
  } else if (kept.count < size) {
    List list(context.database, key);
    const uint64_t end = kept.first + kept.count;
    (void)list.remove(end, size - end);
    (void)list.remove(0, kept.first);
  }
  context.notify(kNotifyList, "ltrim", key.name);
  if (kept.count == 0) context.notify(kNotifyGeneric, "del", key.name);
  context.reply.ok();
}

}  // namespace starling::server::lists
