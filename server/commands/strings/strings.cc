// Whole values: GET, SET and their variants.
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "server/commands/arguments.h"
#include "server/commands/expiry_options.h"
#include "server/commands/families.h"
#include "server/commands/strings/string_options.h"
#include "server/commands/strings/string_values.h"

namespace starling::server {
namespace {

// Replies with the value of a string key, or null. False: another type; an error was replied.
bool reply_current(CommandContext& context, const engine::Key& key, engine::Found* found) {
  if (!find_to_read(context, key, engine::Type::kString, found)) return false;
  if (*found) {
    reply_value(context, *found);
  } else {
    context.reply.null();
  }
  return true;
}

// Stores argument `value` and publishes that. A value that came in a buffer of its own moves in without a
// copy.
void store(CommandContext& context, const engine::Key& key, size_t value, int64_t deadline_ms, bool created) {
  size_t size = 0;
  if (auto bytes = context.take_argument(value, &size)) [[unlikely]] {
    context.database.put_string(key, std::move(bytes), size, deadline_ms);
  } else {
    context.database.put_string(key, context.argument(value), deadline_ms);
  }
  notify_change(context, kNotifyString, "set", key.name, created);
  if (deadline_ms > 0) context.notify(kNotifyGeneric, "expire", key.name);
}

void get(CommandContext& context) {
  engine::Found found;
  (void)reply_current(context, context.key(1), &found);
}

// SET looks at what is there only with some options. Options that make no sense look at nothing either.
bool set_reads_before(Arguments arguments) {
  if (arguments.size() <= 3) return false;
  StringOptions options;
  return parse_set_options(arguments, &options) &&
         (options.if_absent || options.if_present || options.get || options.keep_deadline);
}

// As Redis has it: by the word alone, wherever it stands.
uint16_t exact_set_use(Arguments arguments) {
  return has_word(arguments, 3, {"get"}) ? kKeyRW | kKeyAccess | kKeyUpdate : kKeyOW | kKeyUpdate;
}

void set_with_options(CommandContext& context, const engine::Key& key) {
  StringOptions options;
  if (!parse_set_options(context.arguments, &options)) return context.reply.error(kSyntaxError);
  int64_t deadline_ms = options.keep_deadline ? engine::kKeepDeadline : engine::kNoDeadline;
  if (options.expiry != ExpiryForm::kNone &&
      !deadline_argument(context, options.expiry_index, options.expiry, &deadline_ms)) {
    return;
  }
  engine::Found found;
  if (!options.get) {
    found = find_to_change(context, key);
  } else if (!reply_current(context, key, &found)) {
    return;
  }
  if ((options.if_absent && found) || (options.if_present && !found)) {
    if (!options.get) context.reply.null();
    return;
  }
  store(context, key, 2, deadline_ms, !found);
  if (!options.get) context.reply.ok();
}

void set(CommandContext& context) {
  const engine::Key key = context.key(1);
  if (context.size() > 3) return set_with_options(context, key);
  store(context, key, 2, engine::kNoDeadline, would_announce(context, key));
  context.reply.ok();
}

void setnx(CommandContext& context) {
  const engine::Key key = context.key(1);
  if (find_to_change(context, key)) return context.reply.integer(0);
  store(context, key, 2, engine::kNoDeadline, true);
  context.reply.integer(1);
}

void set_for_time(CommandContext& context, ExpiryForm form) {
  const engine::Key key = context.key(1);
  int64_t deadline_ms = 0;
  if (!deadline_argument(context, 2, form, &deadline_ms)) return;
  store(context, key, 3, deadline_ms, would_announce(context, key));
  context.reply.ok();
}

void setex(CommandContext& context) {
  set_for_time(context, ExpiryForm::kSeconds);
}
void psetex(CommandContext& context) {
  set_for_time(context, ExpiryForm::kMilliseconds);
}

void getset(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!reply_current(context, key, &found)) return;
  store(context, key, 2, engine::kNoDeadline, !found);
}

void getdel(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!reply_current(context, key, &found) || !found) return;
  context.database.remove(key);
  context.notify(kNotifyGeneric, "del", key.name);
}

void getex(CommandContext& context) {
  const engine::Key key = context.key(1);
  StringOptions options;
  if (!parse_getex_options(context.arguments, &options)) return context.reply.error(kSyntaxError);
  engine::Found found;
  if (!find_to_read(context, key, engine::Type::kString, &found)) return;
  if (!found) return context.reply.null();
  int64_t deadline_ms = engine::kNoDeadline;
  const bool expires = options.expiry != ExpiryForm::kNone;
  if (expires && !deadline_argument(context, options.expiry_index, options.expiry, &deadline_ms)) return;

  const bool had_deadline = found.deadline_ms() != engine::kNoDeadline;
  reply_value(context, found);
  if (expires) {
    context.database.set_deadline(key, deadline_ms);  // One that has passed removes the key.
    context.notify(kNotifyGeneric, deadline_ms <= context.now_ms() ? "del" : "expire", key.name);
  } else if (options.remove_deadline && had_deadline) {
    context.database.set_deadline(key, engine::kNoDeadline);
    context.notify(kNotifyGeneric, "persist", key.name);
  }
}

void mget(CommandContext& context) {
  context.reply.array(context.size() - 1);
  for (size_t i = 1; i < context.size(); ++i) {
    const engine::Found found = find_to_read(context, context.key(i));
    if (found && found.type() == engine::Type::kString) {
      reply_value(context, found);
    } else {
      context.reply.null();
    }
  }
}

// False: an argument is missing; an error was replied.
bool check_pairs(const CommandContext& context) {
  if (context.size() % 2 == 1) return true;
  context.reply.error("ERR wrong number of arguments for '" + std::string(context.spec.name) + "' command");
  return false;
}

void store_pairs(CommandContext& context) {
  for (size_t i = 1; i < context.size(); i += 2) {
    const engine::Key key = context.key(i);
    // Copied even when it came in its own buffer: that would be freed if the same key follows, while the
    // arguments must stay readable.
    const bool created = would_announce(context, key);
    context.database.put_string(key, context.argument(i + 1), engine::kNoDeadline);
    notify_change(context, kNotifyString, "set", key.name, created);
  }
}

void mset(CommandContext& context) {
  if (!check_pairs(context)) return;
  store_pairs(context);
  context.reply.ok();
}

void msetnx(CommandContext& context) {
  if (!check_pairs(context)) return;
  for (size_t i = 1; i < context.size(); i += 2) {
    if (find_to_change(context, context.key(i))) return context.reply.integer(0);
  }
  store_pairs(context);
  context.reply.integer(1);
}

constexpr uint32_t kFastRead = kCatRead | kCatString | kCatFast;
constexpr uint32_t kFastWrite = kCatWrite | kCatString | kCatFast;
constexpr uint32_t kSlowWrite = kCatWrite | kCatString | kCatSlow;

constexpr CommandChange kSetHistory[] = {{"2.6.12", "EX, PX, NX and XX."},
                                         {"6.0.0", "KEEPTTL."},
                                         {"6.2.0", "GET, EXAT and PXAT."},
                                         {"7.0.0", "NX and GET together."}};

}  // namespace

std::span<const CommandSpec> string_commands() {
  static const std::array commands = {
      CommandSpec{.name = "get",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = get,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "The value of a string.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "getdel",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kWrite | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyDelete),
                  .handler = getdel,
                  .group = "string",
                  .since = "6.2.0",
                  .summary = "The value of a string, which is then deleted.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "getex",
                  .syntax = "key [expiration= EX seconds:integer | PX milliseconds:integer | EXAT "
                            "unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | PERSIST]",
                  .arity = -2,
                  .flags = kWrite | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = getex,
                  .group = "string",
                  .since = "6.2.0",
                  .summary = "The value of a string, whose time to live is set or removed.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "getset",
                  .syntax = "key value",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = getset,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "Sets a string and answers what it was before.",
                  .docs = {.complexity = "O(1)", .deprecated = {"6.2.0", "SET with GET"}}},
      CommandSpec{
          .name = "mget",
          .syntax = "key ...",
          .arity = -2,
          .flags = kReadOnly | kFast,
          .categories = kFastRead,
          .keys = keys_from(1, kKeyRO | kKeyAccess),
          .handler = mget,
          .group = "string",
          .since = "1.0.0",
          .summary = "The values of several strings, null for what is none.",
          .join = Join::kInOrder,
          .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .tips = {"request_policy:multi_shard"}}},
      CommandSpec{.name = "mset",
                  .syntax = "{key value} ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = keys_from(1, kKeyOW | kKeyUpdate, 2),
                  .handler = mset,
                  .group = "string",
                  .since = "1.0.1",
                  .summary = "Sets several strings at once.",
                  .reads_before = never_reads,
                  .join = Join::kStatus,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:all_succeeded"}}},
      CommandSpec{.name = "msetnx",
                  .syntax = "{key value} ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = keys_from(1, kKeyOW | kKeyInsert, 2),
                  .handler = msetnx,
                  .group = "string",
                  .since = "1.0.1",
                  .summary = "Sets several strings at once, unless one of the keys exists.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_min"}}},
      CommandSpec{.name = "psetex",
                  .syntax = "key milliseconds:integer value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = key_at(1, kKeyOW | kKeyUpdate),
                  .handler = psetex,
                  .group = "string",
                  .since = "2.6.0",
                  .summary = "Sets a string and its time to live in milliseconds.",
                  .reads_before = never_reads,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{
          .name = "set",
          .syntax =
              "key value [condition= NX | XX]@2.6.12 [GET]@6.2.0 [expiration= EX seconds:integer@2.6.12 | PX "
              "milliseconds:integer@2.6.12 | EXAT unix-time-seconds:unix-time@6.2.0 | PXAT "
              "unix-time-milliseconds:unix-time@6.2.0 | KEEPTTL@6.0.0]",
          .arity = -3,
          .flags = kWrite | kDenyOom,
          .categories = kSlowWrite,
          .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariable),
          .handler = set,
          .group = "string",
          .since = "1.0.0",
          .summary = "Sets a string, with conditions and a time to live if wanted.",
          .reads_before = set_reads_before,
          .exact_use = exact_set_use,
          .docs = {.complexity = "O(1)", .history = kSetHistory}},
      CommandSpec{.name = "setex",
                  .syntax = "key seconds:integer value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = key_at(1, kKeyOW | kKeyUpdate),
                  .handler = setex,
                  .group = "string",
                  .since = "2.0.0",
                  .summary = "Sets a string and its time to live in seconds.",
                  .reads_before = never_reads,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "setnx",
                  .syntax = "key value",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyOW | kKeyInsert),
                  .handler = setnx,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "Sets a string unless the key exists.",
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

}  // namespace starling::server
