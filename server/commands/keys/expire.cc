// Times to live: EXPIRE, TTL, PERSIST and their variants.
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/expiry_options.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

// When EXPIRE applies.
struct ExpireCondition {
  bool if_none = false;     // NX
  bool if_any = false;      // XX
  bool if_later = false;    // GT; no deadline counts as infinitely late.
  bool if_earlier = false;  // LT

  bool allows(int64_t current_ms, int64_t new_ms) const {
    const bool any = current_ms != engine::kNoDeadline;
    if ((if_none && any) || (if_any && !any)) return false;
    if (if_later && (!any || new_ms <= current_ms)) return false;
    return !(if_earlier && any && new_ms >= current_ms);
  }
};

void reply_unsupported(const CommandContext& context, std::string_view option) {
  std::string text(option.substr(0, option.find('\0')));
  while (text.ends_with('\r') || text.ends_with('\n')) text.pop_back();
  context.reply.error("ERR Unsupported option " + text);
}

// False: an error was replied.
bool condition_arguments(const CommandContext& context, ExpireCondition* condition) {
  for (size_t i = 3; i < context.size(); ++i) {
    const std::string_view option = context.argument(i);
    if (is_word(option, "nx")) {
      condition->if_none = true;
    } else if (is_word(option, "xx")) {
      condition->if_any = true;
    } else if (is_word(option, "gt")) {
      condition->if_later = true;
    } else if (is_word(option, "lt")) {
      condition->if_earlier = true;
    } else {
      reply_unsupported(context, option);
      return false;
    }
  }
  if (condition->if_none && (condition->if_any || condition->if_later || condition->if_earlier)) {
    context.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (condition->if_later && condition->if_earlier) {
    context.reply.error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

void set_deadline(CommandContext& context, ExpiryForm form) {
  ExpireCondition condition;
  int64_t amount = 0, deadline_ms = 0;
  if (!condition_arguments(context, &condition) || !integer_argument(context, 2, &amount)) return;
  if (!deadline_of(amount, form, context.now_ms(), &deadline_ms)) return reply_invalid_expire(context);
  const engine::Key key = context.key(1);
  const engine::Found found = find_to_change(context, key);
  if (!found || !condition.allows(found.deadline_ms(), deadline_ms)) return context.reply.integer(0);
  if (deadline_ms > context.now_ms()) {
    context.database.set_deadline(key, deadline_ms);
    context.notify(kNotifyGeneric, "expire", key.name);
  } else {
    context.database.remove(key);
    context.notify(kNotifyGeneric, "del", key.name);
  }
  context.reply.integer(1);
}

enum class Unit { kSeconds, kMilliseconds };
enum class Since { kNow, kEpoch };

void reply_deadline(CommandContext& context, Unit unit, Since since) {
  const engine::Found found = find_to_look(context, context.key(1));
  if (!found) return context.reply.integer(-2);
  int64_t time_ms = found.deadline_ms();
  if (time_ms == engine::kNoDeadline) return context.reply.integer(-1);
  if (since == Since::kNow) time_ms -= context.now_ms();
  if (unit == Unit::kMilliseconds) return context.reply.integer(time_ms);
  // To the nearest second, and without overflow at the end of time.
  context.reply.integer(time_ms / 1000 + (time_ms % 1000 >= 500));
}

void expire(CommandContext& context) {
  set_deadline(context, ExpiryForm::kSeconds);
}
void pexpire(CommandContext& context) {
  set_deadline(context, ExpiryForm::kMilliseconds);
}
void expireat(CommandContext& context) {
  set_deadline(context, ExpiryForm::kUnixSeconds);
}
void pexpireat(CommandContext& context) {
  set_deadline(context, ExpiryForm::kUnixMilliseconds);
}
void ttl(CommandContext& context) {
  reply_deadline(context, Unit::kSeconds, Since::kNow);
}
void pttl(CommandContext& context) {
  reply_deadline(context, Unit::kMilliseconds, Since::kNow);
}
void expiretime(CommandContext& context) {
  reply_deadline(context, Unit::kSeconds, Since::kEpoch);
}
void pexpiretime(CommandContext& context) {
  reply_deadline(context, Unit::kMilliseconds, Since::kEpoch);
}

void persist(CommandContext& context) {
  const engine::Key key = context.key(1);
  const engine::Found found = find_to_change(context, key);
  if (!found || found.deadline_ms() == engine::kNoDeadline) return context.reply.integer(0);
  context.database.set_deadline(key, engine::kNoDeadline);
  context.notify(kNotifyGeneric, "persist", key.name);
  context.reply.integer(1);
}

constexpr std::string_view kExpiryConditions = "NX, XX, GT and LT.";
constexpr std::string_view kAbsentKey = "-2 for a key that does not exist.";
constexpr CommandChange kExpireHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kExpireatHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kPexpireHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kPexpireatHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kPttlHistory[] = {{"2.8.0", kAbsentKey}};
constexpr CommandChange kTtlHistory[] = {{"2.8.0", kAbsentKey}};

// Both kinds have one key, first, and are fast.
CommandSpec spec(std::string_view usage, Handler handler, std::string_view since, std::string_view summary,
                 const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .handler = handler,
          .group = "generic",
          .since = since,
          .summary = summary,
          .docs = docs};
}

CommandSpec writing(int arity, CommandSpec spec) {
  spec.arity = arity;
  spec.flags = kWrite | kFast | kMerges;
  spec.categories = kCatKeyspace | kCatWrite | kCatFast;
  spec.keys = key_at(1, kKeyRW | kKeyUpdate);
  return spec;
}

CommandSpec reading(CommandSpec spec) {
  spec.arity = 2;
  spec.flags = kReadOnly | kFast;
  spec.categories = kCatKeyspace | kCatRead | kCatFast;
  spec.keys = key_at(1, kKeyRO | kKeyAccess);
  return spec;
}

}  // namespace

std::span<const CommandSpec> expire_commands() {
  static const std::array commands = {
      writing(-3, spec("expire key seconds:integer [condition= NX | XX | GT | LT]@7.0.0", expire, "1.0.0",
                       "Sets in how many seconds a key expires.",
                       {.complexity = "O(1)", .history = kExpireHistory})),
      writing(-3, spec("pexpire key milliseconds:integer [condition= NX | XX | GT | LT]@7.0.0", pexpire,
                       "2.6.0", "Sets in how many milliseconds a key expires.",
                       {.complexity = "O(1)", .history = kPexpireHistory})),
      writing(-3, spec("expireat key unix-time-seconds:unix-time [condition= NX | XX | GT | LT]@7.0.0",
                       expireat, "1.2.0", "Sets when a key expires, in Unix seconds.",
                       {.complexity = "O(1)", .history = kExpireatHistory})),
      writing(-3, spec("pexpireat key unix-time-milliseconds:unix-time [condition= NX | XX | GT | LT]@7.0.0",
                       pexpireat, "2.6.0", "Sets when a key expires, in Unix milliseconds.",
                       {.complexity = "O(1)", .history = kPexpireatHistory})),
      writing(2, spec("persist key", persist, "2.2.0", "Lets a key live for ever again.",
                      {.complexity = "O(1)"})),
      reading(spec("ttl key", ttl, "1.0.0", "The seconds a key has left to live.",
                   {.complexity = "O(1)", .tips = {"nondeterministic_output"}, .history = kTtlHistory})),
      reading(spec("pttl key", pttl, "2.6.0", "The milliseconds a key has left to live.",
                   {.complexity = "O(1)", .tips = {"nondeterministic_output"}, .history = kPttlHistory})),
      reading(spec("expiretime key", expiretime, "7.0.0", "When a key expires, in Unix seconds.",
                   {.complexity = "O(1)"})),
      reading(spec("pexpiretime key", pexpiretime, "7.0.0", "When a key expires, in Unix milliseconds.",
                   {.complexity = "O(1)"})),
  };
  return commands;
}

}  // namespace starling::server
