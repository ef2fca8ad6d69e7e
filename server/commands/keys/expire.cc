// Times to live: EXPIRE, TTL, PERSIST and their variants.
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/expiry_options.h"
#include "server/commands/keys/handlers.h"

namespace starling::server::keys {
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
  if (deadline_ms > context.now_ms() || context.operation.sees_late()) {
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

}  // namespace

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

}  // namespace starling::server::keys
