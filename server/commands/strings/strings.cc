// Whole values: GET, SET and their variants.
#include <memory>
#include <string>
#include <utility>

#include "server/commands/arguments.h"
#include "server/commands/expiry_options.h"
#include "server/commands/strings/handlers.h"
#include "server/commands/strings/string_options.h"
#include "server/commands/strings/string_values.h"

namespace starling::server::strings {
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

}  // namespace

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

namespace {

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

}  // namespace

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

namespace {

void set_for_time(CommandContext& context, ExpiryForm form) {
  const engine::Key key = context.key(1);
  int64_t deadline_ms = 0;
  if (!deadline_argument(context, 2, form, &deadline_ms)) return;
  store(context, key, 3, deadline_ms, would_announce(context, key));
  context.reply.ok();
}

}  // namespace

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

namespace {

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

}  // namespace

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

}  // namespace starling::server::strings
