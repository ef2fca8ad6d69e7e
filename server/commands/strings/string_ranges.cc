// Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/strings/string_values.h"

namespace starling::server {
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

constexpr CommandSpec range_reader(std::string_view usage, std::string_view since, std::string_view summary,
                                   const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = 4,
          .flags = kReadOnly,
          .categories = kCatRead | kCatString | kCatSlow,
          .keys = key_at(1, kKeyRO | kKeyAccess),
          .handler = getrange,
          .group = "string",
          .since = since,
          .summary = summary,
          .docs = docs};
}

}  // namespace

std::span<const CommandSpec> string_range_commands() {
  static const std::array commands = {
      CommandSpec{.name = "append",
                  .syntax = "key value",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kCatWrite | kCatString | kCatFast,
                  .keys = key_at(1, kKeyRW | kKeyInsert),
                  .handler = append,
                  .group = "string",
                  .since = "2.0.0",
                  .summary = "Adds bytes to the end of a string.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      range_reader("getrange key start:integer end:integer", "2.4.0",
                   "A part of a string, by the positions of its first and last byte.",
                   {.complexity = "O(N)", .work = Work::kHoldsLoop}),
      CommandSpec{.name = "setrange",
                  .syntax = "key offset:integer value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatString | kCatSlow,
                  .keys = key_at(1, kKeyRW | kKeyUpdate),
                  .handler = setrange,
                  .group = "string",
                  .since = "2.2.0",
                  .summary = "Overwrites a part of a string from an offset on.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "strlen",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kCatRead | kCatString | kCatFast,
                  .keys = key_at(1, kKeyRO),
                  .handler = string_length,
                  .group = "string",
                  .since = "2.2.0",
                  .summary = "The size of a string in bytes.",
                  .docs = {.complexity = "O(1)"}},
      range_reader("substr key start:integer end:integer", "1.0.0", "The old name of GETRANGE.",
                   {.complexity = "O(N)", .work = Work::kHoldsLoop, .deprecated = {"2.0.0", "GETRANGE"}}),
  };
  return commands;
}

}  // namespace starling::server
