// DEBUG: what tests of servers and clients need. Gated by enable-debug-command.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "resp/glob.h"
#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/server/debug_digest.h"
#include "server/commands/server/debug_object.h"
#include "server/commands/server/debug_populate.h"
#include "server/commands/server/debug_protocol.h"
#include "server/execute/command_table.h"
#include "server/process/log.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

void accept(CommandContext& context) {
  context.reply.ok();
}

// Stops this loop only: the clients of the others go on.
void sleep(CommandContext& context) {
  constexpr double kMaxSeconds = 86400;
  double seconds = 0;
  if (resp::parse_real(context.argument(2), &seconds) && seconds > 0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(seconds, kMaxSeconds)));
  }
  context.reply.ok();
}

void set_active_expire(CommandContext& context) {
  context.server.engine().set_active_expire(context.argument(2) != "0");
  context.reply.ok();
}

void checkpoint(CommandContext& context) {
  if (!context.server.engine().options().durable) return context.reply.ok();
  // Inside EXEC all stripes may be locked, which a checkpoint needs.
  if (context.in_exec) return context.reply.error("ERR a checkpoint is not possible inside a transaction");
  context.offload([&engine = context.server.engine()]() -> CommandContext::Completion {
    const engine::Status status = engine.checkpoint();
    return [status](resp::ReplyWriter& reply) {
      if (status.ok()) return reply.ok();
      reply.error("ERR " + status.message());
    };
  });
}

void match_long_text(CommandContext& context) {
  constexpr int64_t kMaxBytes = 64 << 20;
  int64_t bytes = 0;
  if (!integer_argument_between(context, 2, 0, kMaxBytes, &bytes)) return;
  (void)resp::glob_match(context.argument(3), std::string(static_cast<size_t>(bytes), 'a'), false);
  context.reply.ok();
}

void log(CommandContext& context) {
  log_text(LogLevel::kWarning, "DEBUG LOG: " + std::string(context.argument(2)));
  context.reply.ok();
}

void error(CommandContext& context) {
  context.reply.error(context.argument(2));
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CHANGE-REPL-ID | PAUSE-CRON <n> | QUICKLIST-PACKED-THRESHOLD <size> | REPLYBUFFER <what> <n> |",
      "SET-DISABLE-DENY-SCRIPTS <n>",
      "    Accepted, without effect.",
      "CHECKPOINT",
      "    Brings all changes to the store, and answers when that is done.",
      "DIGEST-VALUE <key> [<key> ...]",
      "    What each key holds, in 40 digits; the same as Redis's.",
      "ERROR <text>",
      "    Answers with this error.",
      "LOADAOF",
      "    The same as RELOAD.",
      "LOG <text>",
      "    Writes the text to the log.",
      "OBJECT <key>",
      "    How a value is kept.",
      "POPULATE <count> [<prefix>] [<size>]",
      "    Makes strings <prefix>:0, <prefix>:1 and so on, where there is no such key; as long as <size>.",
      "PROTOCOL <type>",
      "    A reply of this type.",
      "RELOAD",
      "    The same as CHECKPOINT: what the memory held is on disk, and stays in memory.",
      "SET-ACTIVE-EXPIRE <0|1>",
      "    Whether expired keys are removed before somebody asks for them.",
      "SLEEP <seconds>",
      "    Stops the loop that serves this client.",
      "STRINGMATCH-LEN <length> <pattern>",
      "    Matches the pattern with a text of this length.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

struct Subcommand {
  std::string_view name;                // Lower case.
  size_t min_arguments, max_arguments;  // With "DEBUG" and the name.
  Handler handler;
  bool needs_data = false;
};

constexpr Subcommand kSubcommands[] = {
    {"change-repl-id", 2, 2, accept},
    {"checkpoint", 2, 2, checkpoint, true},
    {"digest-value", 2, SIZE_MAX, debug_digest_value},
    {"error", 3, 3, error},
    {"help", 2, 2, help},
    {"loadaof", 2, 2, checkpoint, true},
    {"log", 3, 3, log},
    {"object", 3, 3, debug_object},
    {"pause-cron", 3, 3, accept},
    {"populate", 3, 5, debug_populate, true},
    {"protocol", 3, 3, debug_protocol},
    {"quicklist-packed-threshold", 3, 3, accept},
    {"reload", 2, 5, checkpoint, true},
    {"replybuffer", 4, 4, accept},
    {"set-active-expire", 3, 3, set_active_expire},
    {"set-disable-deny-scripts", 3, 3, accept},
    {"sleep", 3, 3, sleep},
    {"stringmatch-len", 4, 4, match_long_text},
};

const Subcommand* find_subcommand(Arguments arguments) {
  for (const Subcommand& subcommand : kSubcommands) {
    if (equals_ignoring_case(arguments[1], subcommand.name) && arguments.size() >= subcommand.min_arguments &&
        arguments.size() <= subcommand.max_arguments) {
      return &subcommand;
    }
  }
  return nullptr;
}

void debug(CommandContext& context) {
  const Subcommand* subcommand = find_subcommand(context.arguments);
  if (subcommand == nullptr) {
    return context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                               std::string(context.argument(1)) + "'. Try DEBUG HELP.");
  }
  if (subcommand->needs_data && context.server.loading()) return context.reply.error(kLoadingData);
  subcommand->handler(context);
}

bool find_debug_keys(Arguments arguments, std::vector<int>* positions) {
  if (arguments.size() >= 3 && equals_ignoring_case(arguments[1], "object")) positions->push_back(2);
  if (arguments.size() >= 3 && equals_ignoring_case(arguments[1], "digest-value")) {
    for (size_t i = 2; i < arguments.size(); ++i) positions->push_back(static_cast<int>(i));
  }
  return true;
}

}  // namespace

std::span<const CommandSpec> debug_commands() {
  static const std::array commands = {
      CommandSpec{
          .name = "debug",
          .arity = -2,
          .flags = kAdmin | kNoScript | kLoading | kStale | kProtected,
          .categories = kCatAdmin | kCatSlow | kCatDangerous,
          .handler = debug,
          .group = "server",
          .since = "1.0.0",
          .summary = "Groups the commands that tests of servers and clients need.",
          .find_keys = find_debug_keys,
          .difference =
              "fewer subcommands, and CHECKPOINT; SLEEP stops one loop; RELOAD and LOADAOF are checkpoints",
          .docs = {.for_tests = true}},
  };
  return commands;
}

}  // namespace starling::server
