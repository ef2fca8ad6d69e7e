#include "server/commands/hash_numbers.h"

#include <cmath>
#include <optional>
#include <string>

#include "resp/number.h"
#include "server/commands/arguments.h"

namespace starling::server {
namespace {

// The value of the field in argument 2, unset when there is none.
std::optional<std::string_view> field_value(const CommandContext& context, const engine::Found& found) {
  return found ? found.collection().find(context.argument(2)) : std::nullopt;
}

void store(CommandContext& context, const engine::Key& key, std::string_view value, std::string_view event,
           bool created) {
  context.database.open(key, engine::Type::kHash).put(context.argument(2), value);
  notify_change(context, kNotifyHash, event, key.name, created);
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
  if (__builtin_add_overflow(value, increment, &value)) {
    return context.reply.error("ERR increment or decrement would overflow");
  }
  char text[resp::kIntegerTextBytes];
  const auto size = static_cast<size_t>(resp::format_integer(value, text) - text);
  store(context, key, {text, size}, "hincrby", !found);
  context.reply.integer(value);
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
  store(context, key, text, "hincrbyfloat", !found);
  context.reply.bulk(text);
}

}  // namespace starling::server
