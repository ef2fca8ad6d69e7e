#include <cmath>
#include <optional>
#include <string>

#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/hashes/handlers.h"

namespace starling::server::hashes {
namespace {

// The value of the field in argument 2, unset when there is none.
std::optional<std::string_view> field_value(const CommandContext& context, const engine::Found& found) {
  return found ? found.collection().find(context.argument(2)) : std::nullopt;
}

}  // namespace

void hincrby(CommandContext& context) {
  const engine::Key key = context.key(1);
  int64_t increment = 0, value = 0;
  if (!integer_argument(context, 3, &increment)) return;
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kHash, &found)) return;
  const std::optional<std::string_view> current = field_value(context, found);
  if (current && !resp::parse_integer(*current, &value)) {
    return context.reply.error("ERR hash value is not an integer");
  }
  int64_t result;
  if (__builtin_add_overflow(value, increment, &result)) {
    return context.reply.error("ERR increment or decrement would overflow");
  }
  result = context.database.open(key, engine::Type::kHash).add(context.argument(2), value, increment);
  notify_change(context, kNotifyHash, "hincrby", key.name, !found);
  context.reply.integer(result);
}

void hincrbyfloat(CommandContext& context) {
  const engine::Key key = context.key(1);
  long double increment = 0, value = 0;
  if (!real_argument(context, 3, &increment)) return;
  if (!std::isfinite(increment)) return context.reply.error("ERR value is NaN or Infinity");
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kHash, &found)) return;
  const std::optional<std::string_view> current = field_value(context, found);
  if (current && !resp::parse_real(*current, &value)) {
    return context.reply.error("ERR hash value is not a float");
  }
  value += increment;
  if (!std::isfinite(value)) return context.reply.error("ERR increment would produce NaN or Infinity");
  const std::string text = resp::format_human(value);
  context.database.open(key, engine::Type::kHash).put(context.argument(2), text);
  notify_change(context, kNotifyHash, "hincrbyfloat", key.name, !found);
  context.reply.bulk(text);
}

}  // namespace starling::server::hashes
