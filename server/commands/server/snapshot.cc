// SNAPSHOT: what SAVE and BGSAVE have left under dir/snapshots.
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/server/admin_container.h"
#include "server/server.h"

namespace starling::server {
namespace {

void list(CommandContext& context) {
  context.offload([&server = context.server]() -> CommandContext::Completion {
    return [found = list_snapshots(server.settings().directory)](resp::ReplyWriter& reply) {
      reply.array(found.size());
      for (const SnapshotEntry& snapshot : found) {
        reply.map(3);
        reply.bulk("name");
        reply.bulk(snapshot.name);
        reply.bulk("bytes");
        reply.integer(static_cast<int64_t>(snapshot.bytes));
        reply.bulk("started");
        reply.integer(snapshot.started ? 1 : 0);
      }
    };
  });
}

void drop(CommandContext& context) {
  // One that is being made must not go.
  if (!context.server.snapshots().begin_drop())
    return context.reply.error("ERR Background save already in progress");
  context.offload(
      [&server = context.server, name = std::string(context.argument(2))]() -> CommandContext::Completion {
        const engine::Status status = drop_snapshot(server.settings().directory, name);
        server.snapshots().end_drop(server.settings().directory);
        return [status](resp::ReplyWriter& reply) {
          if (status.ok()) return reply.ok();
          reply.error("ERR " + status.message());
        };
      });
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "SNAPSHOT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "DROP <name>",
      "    Removes a snapshot, also one that a server was started on if none runs on it now.",
      "LIST",
      "    All snapshots by time: name, bytes of their files, and whether a server was started on it.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

constexpr CommandSpec subcommand(std::string_view usage, int arity, Handler handler,
                                 std::string_view summary) {
  return admin_subcommand(usage, arity, kNoScript | kNoMulti, handler, "starling", summary);
}

std::span<const CommandSpec> subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand("drop name", 3, drop, "Removes a snapshot."),
      help_subcommand(help, "starling"),
      subcommand("list", 2, list, "The snapshots that there are."),
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> snapshot_commands() {
  static const std::array commands = {
      CommandSpec{.name = "snapshot",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "starling",
                  .summary = "Groups the commands about snapshots.",
                  .subcommands = subcommands()},
  };
  return commands;
}

}  // namespace starling::server
