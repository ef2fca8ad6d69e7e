// Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE.
#include <algorithm>
#include <cstring>
#include <span>

#include "server/commands/arguments.h"
#include "server/commands/strings/handlers.h"
#include "server/commands/strings/string_values.h"

namespace starling::server::strings {
namespace {

// Writes `part` at `offset` of the string, which grows as needed, and replies with its new size.
void write_part(CommandContext& context, const engine::Key& key, bool created, size_t old_size, size_t offset,
                std::string_view part, std::string_view event) {
  const size_t new_size = std::max(old_size, offset + part.size());
  context.database.edit_string(key, new_size, [&](std::span<char> value) {
    if (!part.empty()) std::memcpy(value.data() + offset, part.data(), part.size());
  });
  notify_change(context, kNotifyString, event, key.name, created);
  context.reply.integer(static_cast<int64_t>(new_size));
}

}  // namespace

void append(CommandContext& context) {
  const engine::Key key = context.key(1);
  const std::string_view part = context.argument(2);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  const size_t old_size = found ? found.string().size() : 0;
  if (found && !check_string_size(context, static_cast<int64_t>(old_size), part.size())) return;
  write_part(context, key, !found, old_size, old_size, part, "append");
}

void setrange(CommandContext& context) {
  const engine::Key key = context.key(1);
  const std::string_view part = context.argument(3);
  int64_t offset = 0;
  if (!integer_argument(context, 2, &offset)) return;
  if (offset < 0) return context.reply.error("ERR offset is out of range");
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  const size_t old_size = found ? found.string().size() : 0;
  if (part.empty()) return context.reply.integer(static_cast<int64_t>(old_size));
  if (!check_string_size(context, offset, part.size())) return;
  write_part(context, key, !found, old_size, static_cast<size_t>(offset), part, "setrange");
}

void string_length(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), engine::Type::kString, &found)) return;
  context.reply.integer(found ? static_cast<int64_t>(found.string().size()) : 0);
}

void getrange(CommandContext& context) {
  int64_t first = 0, last = 0;
  if (!integer_argument(context, 2, &first) || !integer_argument(context, 3, &last)) return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), engine::Type::kString, &found)) return;
  if (!found) return context.reply.bulk("");
  const std::string_view value = found.string();
  const auto size = static_cast<int64_t>(value.size());
  // Counted from the end, a range that runs backwards is empty before its bounds are clipped to the string.
  if (first < 0 && last < 0 && first > last) return context.reply.bulk("");
  if (first < 0) first = std::max<int64_t>(size + first, 0);
  if (last < 0) last = std::max<int64_t>(size + last, 0);
  last = std::min(last, size - 1);
  if (first > last) return context.reply.bulk("");
  reply_value(context, found,
              value.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1)));
}

}  // namespace starling::server::strings
