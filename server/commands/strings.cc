// GET and SET.
#include <array>

#include "server/client.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

constexpr std::string_view kWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";
// Values from here on are sent from where they are.
constexpr size_t kShareFromBytes = 16 << 10;

void get(CommandContext& context) {
  const engine::Touch touch = context.client.no_touch ? engine::Touch::kNo : engine::Touch::kYes;
  const engine::Found found = context.database.find(context.key(1), touch);
  if (!found) return context.reply.null();
  if (found.type() != engine::Type::kString) return context.reply.error(kWrongType);
  const std::string_view value = found.string();
  if (value.size() >= kShareFromBytes) {
    if (auto keep_alive = found.keep_alive()) return context.reply.bulk_shared(std::move(keep_alive), value);
  }
  context.reply.bulk(value);
}

void set(CommandContext& context) {
  size_t size = 0;
  const engine::Key key = context.key(1);
  if (context.size() > 3) return context.reply.error("ERR syntax error");
  if (auto value = context.take_argument(2, &size)) {
    context.database.put_string(key, std::move(value), size, engine::kNoDeadline);
  } else {
    context.database.put_string(key, context.argument(2), engine::kNoDeadline);
  }
  context.notify(kNotifyString, "set", key.name);
  context.reply.ok();
}

}  // namespace

std::span<const CommandSpec> string_commands() {
  static const std::array commands = {
      CommandSpec{.name = "get",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kCatRead | kCatString | kCatFast,
                  .keys = {1, 1, 1},
                  .key_use = kKeyRO | kKeyAccess,
                  .handler = get,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "The value of a string."},
      CommandSpec{.name = "set",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatString | kCatSlow,
                  .keys = {1, 1, 1},
                  .key_use = kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariable,
                  .handler = set,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "Sets the value of a string."},
  };
  return commands;
}

}  // namespace starling::server
