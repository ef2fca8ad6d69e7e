// What the commands on versions: VCLOCK are.
#include <array>

#include "server/commands/cluster/handlers.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

CommandSpec of_key(std::string_view usage, int arity, uint32_t flags, int key_use, Handler handler,
                   std::string_view summary) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = flags,
          .categories = ((flags & kWrite) != 0 ? kCatWrite : kCatRead) | kCatString | kCatFast,
          .keys = key_at(2, key_use),
          .handler = handler,
          .group = "string",
          .since = "starling",
          .summary = summary};
}

std::span<const CommandSpec> vclock_subcommands() {
  static const std::array subcommands = {
      of_key("get key", 3, kReadOnly | kFast, kKeyRO | kKeyAccess, vclock_command::get,
             "All values of a key that no later write has seen, and the context to write with."),
      of_key("set key context value [expiration= EX seconds:integer | PX milliseconds:integer | EXAT "
             "unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time]",
             -5, kWrite | kDenyOom | kFast | kMerges, kKeyOW | kKeyUpdate | kKeyAccess, vclock_command::set,
             "Replaces the values that the context covers; others stay as siblings."),
      of_key("del key context", 4, kWrite | kFast | kMerges, kKeyRM | kKeyDelete, vclock_command::del,
             "Deletes the values that the context covers; others stay."),
      of_key("inspect key", 3, kReadOnly | kFast, kKeyRO | kKeyAccess, vclock_command::inspect,
             "Every sibling of a key with who wrote it and when, tombstones included."),
      CommandSpec{.name = "help",
                  .arity = 2,
                  .flags = kFast,
                  .categories = kCatString | kCatFast,
                  .handler = vclock_command::help,
                  .group = "string",
                  .since = "starling",
                  .summary = "Explains the subcommands.",
                  .scope = Scope::kNode},
      CommandSpec{.name = "compare",
                  .syntax = "context other",
                  .arity = 4,
                  .flags = kFast,
                  .categories = kCatString | kCatFast,
                  .handler = vclock_command::compare,
                  .group = "string",
                  .since = "starling",
                  .summary = "Whether one context has seen another.",
                  .scope = Scope::kNode},
  };
  return subcommands;
}

}  // namespace

std::span<const CommandSpec> vclock_commands() {
  static const std::array commands = {
      CommandSpec{.name = "vclock",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "string",
                  .since = "starling",
                  .summary = "Reads and writes versions of strings.",
                  .subcommands = vclock_subcommands()},
  };
  return commands;
}

}  // namespace starling::server
