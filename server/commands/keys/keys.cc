// Keys as such, whatever they hold: DEL, EXISTS, TYPE, RENAME and the like.
#include <array>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/keys/type_name.h"

namespace starling::server {
namespace {

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
  context.database.move(from, context.database, to);
  context.notify(kNotifyNew, "new", to.name);
  context.notify(kNotifyGeneric, "rename_from", from.name);
  context.notify(kNotifyGeneric, "rename_to", to.name);
  if (only_if_absent) {
    context.reply.integer(1);
  } else {
    context.reply.ok();
  }
}

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
  context.reply.integer(0);
}

constexpr uint32_t kReads = kCatKeyspace | kCatRead;
constexpr uint32_t kWrites = kCatKeyspace | kCatWrite;

constexpr CommandChange kExistsHistory[] = {{"3.0.3", "Several keys."}};
constexpr CommandChange kRenamenxHistory[] = {{"3.2.0", "No error any more when both names are the same."}};

}  // namespace

std::span<const CommandSpec> key_commands() {
  static const std::array commands = {
      CommandSpec{.name = "del",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kWrite,
                  .categories = kWrites | kCatSlow,
                  .keys = keys_from(1, kKeyRM | kKeyDelete),
                  .handler = del,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Removes keys; answers how many there were.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"}}},
      CommandSpec{.name = "unlink",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kWrite | kFast,
                  .categories = kWrites | kCatFast,
                  .keys = keys_from(1, kKeyRM | kKeyDelete),
                  .handler = del,
                  .group = "generic",
                  .since = "4.0.0",
                  .summary = "Does what DEL does.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(1)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"}}},
      CommandSpec{.name = "exists",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly | kFast,
                  .categories = kReads | kCatFast,
                  .keys = keys_from(1, kKeyRO),
                  .handler = exists,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "How many of the keys exist; one named twice counts twice.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"},
                           .history = kExistsHistory}},
      CommandSpec{.name = "touch",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly | kFast,
                  .categories = kReads | kCatFast,
                  .keys = keys_from(1, kKeyRO),
                  .handler = touch,
                  .group = "generic",
                  .since = "3.2.1",
                  .summary = "Marks keys as used now; answers how many exist.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"}}},
      CommandSpec{.name = "type",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kReads | kCatFast,
                  .keys = key_at(1, kKeyRO),
                  .handler = type,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "The type of what a key holds, or none.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "rename",
                  .syntax = "key newkey:key",
                  .arity = 3,
                  .flags = kWrite,
                  .categories = kWrites | kCatSlow,
                  .keys = {key_at(1, kKeyRW | kKeyAccess | kKeyDelete), key_at(2, kKeyOW | kKeyUpdate)},
                  .handler = rename,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Gives a key another name, over whatever had it.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "renamenx",
                  .syntax = "key newkey:key",
                  .arity = 3,
                  .flags = kWrite | kFast,
                  .categories = kWrites | kCatFast,
                  .keys = {key_at(1, kKeyRW | kKeyAccess | kKeyDelete), key_at(2, kKeyOW | kKeyInsert)},
                  .handler = renamenx,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Gives a key another name, unless that is taken.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop, .history = kRenamenxHistory}},
      CommandSpec{
          .name = "wait",
          .syntax = "numreplicas:integer timeout:integer",
          .arity = 3,
          .flags = kNoScript,
          .categories = kCatSlow | kCatConnection,
          .handler = wait,
          .group = "generic",
          .since = "3.0.0",
          .summary = "Answers how many replicas have the writes made so far: none.",
          .difference = "answers 0 at once instead of after the timeout: there are no replicas to wait for",
          .scope = Scope::kNode,
          .docs = {.complexity = "O(1)", .tips = {"request_policy:all_shards", "response_policy:agg_min"}}},
  };
  return commands;
}

}  // namespace starling::server
