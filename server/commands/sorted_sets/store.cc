#include "server/commands/sorted_sets/store.h"

#include "server/commands/arguments.h"

namespace starling::server::sorted_sets {

void store_members(CommandContext& context, size_t key_at, engine::SortedSetMaker made,
                   std::string_view event) {
  const engine::Key key = context.key(key_at);
  const auto size = static_cast<int64_t>(made.size());
  if (size != 0) {
    const bool existed = context.database.put_collection(key, made.take());
    notify_change(context, kNotifySortedSet, event, key.name, !existed);
  } else if (context.database.remove(key)) {
    context.notify(kNotifyGeneric, "del", key.name);
  }
  context.reply.integer(size);
}

}  // namespace starling::server::sorted_sets
