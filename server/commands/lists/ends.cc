#include "server/commands/lists/ends.h"

#include <algorithm>

#include "server/commands/arguments.h"

namespace starling::server::lists {

bool end_argument(const CommandContext& context, size_t i, ListEnd* end) {
  const bool front = is_word(context.argument(i), "left");
  if (!front && !is_word(context.argument(i), "right")) {
    context.reply.error(kSyntaxError);
    return false;
  }
  *end = front ? ListEnd::kFront : ListEnd::kBack;
  return true;
}

bool place_of(int64_t index, uint64_t size, uint64_t* place) {
  const auto signed_size = static_cast<int64_t>(size);
  if (index >= signed_size || index < -signed_size) return false;
  *place = static_cast<uint64_t>(index < 0 ? index + signed_size : index);
  return true;
}

Stretch stretch_of(int64_t start, int64_t stop, uint64_t size) {
  const auto signed_size = static_cast<int64_t>(size);
  // In this order nothing overflows.
  const int64_t first = std::max<int64_t>(start < 0 ? start + signed_size : start, 0);
  const int64_t last = std::min(stop < 0 ? stop + signed_size : stop, signed_size - 1);
  if (first > last) return {};
  return {static_cast<uint64_t>(first), static_cast<uint64_t>(last - first + 1)};
}

void push(CommandContext& context, const engine::Key& key, ListEnd end,
          std::span<const std::string_view> items, bool absent) {
  // With fewer a list made apart gains nothing.
  constexpr size_t kManyItems = 32;
  if (absent && end == ListEnd::kBack && items.size() >= kManyItems) {
    engine::ListMaker maker(context.operation.birth(), items.size());
    for (const std::string_view item : items) maker.add(item);
    context.database.put_collection(key, maker.take());
  } else {
    engine::List(context.database, key).push(end, items);
  }
  notify_change(context, kNotifyList, end == ListEnd::kFront ? "lpush" : "rpush", key.name, absent);
}

void reply_items(CommandContext& context, engine::ListView list, ListEnd end, uint64_t count) {
  context.reply.array(count);
  const auto reply = [&](std::string_view item) {
    context.reply.bulk(item);
    return true;
  };
  if (count == 0) return;
  if (end == ListEnd::kFront) {
    list.walk(0, count, reply);
  } else {
    list.walk_back(list.size() - 1, count, reply);
  }
}

void drop(CommandContext& context, const engine::Key& key, ListEnd end, uint64_t count, uint64_t size) {
  if (count == 0) return;
  const bool all = count == size;
  if (all) {
    context.database.remove(key);
  } else {
    (void)engine::List(context.database, key).remove(end == ListEnd::kFront ? 0 : size - count, count);
  }
  context.notify(kNotifyList, end == ListEnd::kFront ? "lpop" : "rpop", key.name);
  if (all) context.notify(kNotifyGeneric, "del", key.name);
}

}  // namespace starling::server::lists
