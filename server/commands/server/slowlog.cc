// SLOWLOG: the last commands that took long.
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/commands/server/admin_container.h"
#include "server/server.h"

namespace starling::server {
namespace {

constexpr std::string_view kBadCount = "ERR count should be greater than or equal to -1";
constexpr int64_t kDefaultCount = 10;

void get(CommandContext& context) {
  int64_t count = kDefaultCount;
  if (context.size() > 3) {
    return context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                               std::string(context.argument(1)) + "'. Try SLOWLOG HELP.");
  }
  if (context.size() == 3 && !integer_argument_between(context, 2, -1, INT64_MAX, &count, kBadCount)) return;
  const auto entries = context.server.slow_log().newest(count < 0 ? SIZE_MAX : static_cast<size_t>(count));
  resp::ReplyWriter& reply = context.reply;
  reply.array(entries.size());
  for (const SlowLog::Entry& entry : entries) {
    reply.array(6);
    reply.integer(static_cast<int64_t>(entry.id));
    reply.integer(entry.time_s);
    reply.integer(static_cast<int64_t>(entry.duration_us));
    reply.array(entry.arguments.size());
    for (const std::string& argument : entry.arguments) reply.bulk(argument);
    reply.bulk(entry.client_address);
    reply.bulk(entry.client_name);
  }
}

void len(CommandContext& context) {
  context.reply.integer(static_cast<int64_t>(context.server.slow_log().size()));
}

void reset(CommandContext& context) {
  context.server.slow_log().clear();
  context.reply.ok();
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GET [<count>]",
      "    The newest entries, 10 by default, all for -1. Each has an id, a time, a duration in",
      "    microseconds, the arguments, the client's address and its name.",
      "LEN",
      "    How many entries there are.",
      "RESET",
      "    Forgets all entries.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

constexpr CommandChange kSlowlogGetHistory[] = {{"4.0.0", "The client's address and name."}};

constexpr CommandSpec subcommand(std::string_view usage, int arity, Handler handler, std::string_view summary,
                                 const Documentation& docs = {}) {
  return admin_subcommand(usage, arity, kLoading | kStale, handler, "2.2.12", summary, docs);
}

std::span<const CommandSpec> subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand("get [count:integer]", -2, get, "The newest entries of the slow log.",
                 {.complexity = "O(N)",
                  .work = Work::kOfFewThings,
                  .tips = {"request_policy:all_nodes", "nondeterministic_output"},
                  .history = kSlowlogGetHistory}),
      help_subcommand(help, "6.2.0"),
      subcommand(
          "len", 2, len, "How many entries the slow log has.",
          {.complexity = "O(1)",
           .tips = {"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"}}),
      subcommand("reset", 2, reset, "Empties the slow log.",
                 {.complexity = "O(N)",
                  .work = Work::kOfFewThings,
                  .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"}}),
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> slowlog_commands() {
  static const std::array commands = {
      CommandSpec{.name = "slowlog",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "2.2.12",
                  .summary = "Groups the commands about slow commands.",
                  .subcommands = subcommands()},
  };
  return commands;
}

}  // namespace starling::server
