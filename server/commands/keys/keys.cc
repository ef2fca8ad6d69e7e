// Keys as such, whatever they hold: DEL, EXISTS, TYPE, RENAME and the like.

#include "server/cluster/cluster_thread.h"
#include "server/commands/arguments.h"
#include "server/commands/keys/carried_groups.h"
#include "server/commands/keys/handlers.h"
#include "server/commands/keys/type_name.h"
#include "server/io_thread.h"

namespace starling::server::keys {

void del(CommandContext& context) {
  int64_t removed = 0;
  for (size_t i = 1; i < context.size(); ++i) {
    const engine::Key key = context.key(i);
    if (!context.database.remove(key)) continue;
    context.notify(kNotifyGeneric, "del", key.name);
    ++removed;
  }
  context.reply.integer(removed);
}

void exists(CommandContext& context) {
  int64_t found = 0;
  for (size_t i = 1; i < context.size(); ++i)
    found += static_cast<bool>(find_to_look(context, context.key(i)));
  context.reply.integer(found);
}

void touch(CommandContext& context) {
  int64_t found = 0;
  for (size_t i = 1; i < context.size(); ++i)
    found += static_cast<bool>(find_to_read(context, context.key(i)));
  context.reply.integer(found);
}

void type(CommandContext& context) {
  const engine::Found found = find_to_look(context, context.key(1));
  context.reply.simple_string(type_name(found ? found.type() : engine::Type::kNone));
}

namespace {

// False: a reply was written, and nothing is to be renamed.
bool may_rename(CommandContext& context, const engine::Key& from, const engine::Key& to,
                bool only_if_absent) {
  const bool same = from.name == to.name;
  if (!find_to_change(context, from)) {
    context.reply.error(kNoSuchKeyError);
  } else if (same || (only_if_absent && find_to_change(context, to))) {
    if (only_if_absent) {
      context.reply.integer(0);
    } else {
      context.reply.ok();
    }
  } else {
    return true;
  }
  return false;
}

void rename_key(CommandContext& context, bool only_if_absent) {
  const engine::Key from = context.key(1), to = context.key(2);
  if (!may_rename(context, from, to, only_if_absent)) return;
  const CarriedGroups groups(context.database, from);
  context.database.move(from, context.database, to);
  groups.set(context.database, to);
  context.notify(kNotifyNew, "new", to.name);
  context.notify(kNotifyGeneric, "rename_from", from.name);
  context.notify(kNotifyGeneric, "rename_to", to.name);
  if (only_if_absent) {
    context.reply.integer(1);
  } else {
    context.reply.ok();
  }
}

}  // namespace

void rename(CommandContext& context) {
  rename_key(context, false);
}
void renamenx(CommandContext& context) {
  rename_key(context, true);
}

void wait(CommandContext& context) {
  int64_t replicas = 0, timeout_ms = 0;
  if (!integer_argument(context, 1, &replicas)) return;
  if (!integer_argument(context, 2, &timeout_ms, "ERR timeout is not an integer or out of range")) return;
  if (timeout_ms < 0) return context.reply.error("ERR timeout is negative");
  ClusterThread* const cluster = context.client.io_thread().cluster();
  // A transaction waits for nobody.
  if (cluster == nullptr || context.in_exec) return context.reply.integer(0);
  cluster->replica_waits().begin(context.client, replicas, timeout_ms, context.suspend());
}

}  // namespace starling::server::keys
