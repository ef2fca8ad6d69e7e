// Strings as numbers: INCR and its kin.
#include <cmath>
#include <string>

#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/strings/handlers.h"

namespace starling::server::strings {
namespace {

void add_integer(CommandContext& context, int64_t increment) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  int64_t value = 0;
  if (found && !resp::parse_integer(found.string(), &value)) return context.reply.error(kNotIntegerError);
  int64_t result;
  if (__builtin_add_overflow(value, increment, &result)) {
    return context.reply.error("ERR increment or decrement would overflow");
  }
  result = context.database.add(key, value, increment);
  notify_change(context, kNotifyString, "incrby", key.name, !found);
  context.reply.integer(result);
}

}  // namespace

void incr(CommandContext& context) {
  add_integer(context, 1);
}
void decr(CommandContext& context) {
  add_integer(context, -1);
}

void incrby(CommandContext& context) {
  int64_t increment = 0;
  if (integer_argument(context, 2, &increment)) add_integer(context, increment);
}

void decrby(CommandContext& context) {
  int64_t decrement = 0;
  if (!integer_argument(context, 2, &decrement)) return;
  if (decrement == INT64_MIN) return context.reply.error("ERR decrement would overflow");
  add_integer(context, -decrement);
}

void incrbyfloat(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  long double value = 0, increment = 0;
  if (found && !resp::parse_real(found.string(), &value)) return context.reply.error(kNotRealError);
  if (!real_argument(context, 2, &increment)) return;
  value += increment;
  if (!std::isfinite(value)) return context.reply.error("ERR increment would produce NaN or Infinity");
  const std::string text = resp::format_human(value);
  context.database.put_string(key, text, engine::kKeepDeadline);
  notify_change(context, kNotifyString, "incrbyfloat", key.name, !found);
  context.reply.bulk(text);
}

}  // namespace starling::server::strings
