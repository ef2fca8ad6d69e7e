#include "server/commands/arguments.h"

#include <string>

#include "resp/glob.h"
#include "resp/number.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

bool check_type(CommandContext& context, const engine::Found& found, engine::Type type) {
  if (!found || found.type() == type) return true;
  context.reply.error(kWrongTypeError);
  return false;
}

engine::Touch touch_of(const CommandContext& context) {
  return context.client.no_touch ? engine::Touch::kNo : engine::Touch::kYes;
}

template <typename Real>
bool parse_real_argument(const CommandContext& context, size_t i, Real* value, std::string_view error) {
  if (resp::parse_real(context.argument(i), value)) return true;
  context.reply.error(error);
  return false;
}

}  // namespace

bool has_word(Arguments arguments, size_t from, std::initializer_list<std::string_view> words) {
  for (size_t i = from; i < arguments.size(); ++i) {
    for (const std::string_view word : words) {
      if (is_word(arguments[i], word)) return true;
    }
  }
  return false;
}

bool integer_argument(const CommandContext& context, size_t i, int64_t* value, std::string_view error) {
  if (resp::parse_integer(context.argument(i), value)) return true;
  context.reply.error(error);
  return false;
}

bool integer_argument_between(const CommandContext& context, size_t i, int64_t minimum, int64_t maximum,
                              int64_t* value, std::string_view error) {
  if (!integer_argument(context, i, value, error.empty() ? kNotIntegerError : error)) return false;
  if (*value >= minimum && *value <= maximum) return true;
  if (!error.empty()) {
    context.reply.error(error);
  } else {
    context.reply.error("ERR value is out of range, value must between " + std::to_string(minimum) + " and " +
                        std::to_string(maximum));
  }
  return false;
}

bool real_argument(const CommandContext& context, size_t i, double* value, std::string_view error) {
  return parse_real_argument(context, i, value, error);
}

bool real_argument(const CommandContext& context, size_t i, long double* value, std::string_view error) {
  return parse_real_argument(context, i, value, error);
}

bool bounded_pattern(const CommandContext& context, size_t i) {
  if (resp::glob_bounded(context.argument(i))) [[likely]]
    return true;
  context.reply.error("ERR the pattern has more than " + std::to_string(resp::kMaxGlobPartTokens) +
                      " tokens between two stars");
  return false;
}

engine::Found find_to_read(CommandContext& context, const engine::Key& key) {
  const engine::Found found = context.database.find(key, touch_of(context));
  if (!found) [[unlikely]]
    context.notify(kNotifyKeyMiss, "keymiss", key.name);
  return found;
}

engine::Found find_to_look(CommandContext& context, const engine::Key& key) {
  const engine::Found found = context.database.find(key, engine::Touch::kNo);
  if (!found) context.notify(kNotifyKeyMiss, "keymiss", key.name);
  return found;
}

engine::Found find_to_change(CommandContext& context, const engine::Key& key) {
  return context.database.find(key, touch_of(context));
}

bool find_to_read(CommandContext& context, const engine::Key& key, engine::Type type, engine::Found* found) {
  *found = find_to_read(context, key);
  return check_type(context, *found, type);
}

bool find_to_change(CommandContext& context, const engine::Key& key, engine::Type type,
                    engine::Found* found) {
  *found = find_to_change(context, key);
  return check_type(context, *found, type);
}

bool would_announce(CommandContext& context, const engine::Key& key) {
  if ((context.server.settings().notify_events.get() & kNotifyNew) == 0) [[likely]]
    return false;
  return !context.database.find(key, engine::Touch::kNo);
}

void notify_change(const CommandContext& context, NotifyClass event_class, std::string_view event,
                   std::string_view key, bool created) {
  if (created) context.notify(kNotifyNew, "new", key);
  context.notify(event_class, event, key);
}

}  // namespace starling::server
