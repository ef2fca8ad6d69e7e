// LOLWUT, MONITOR, REPLICAOF, ROLE, TIME.
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/server/replica_of.h"
#include "server/process/build_facts.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// A flock over a wire, different every second.
std::string flock(int64_t seed) {
  constexpr int kColumns = 40, kRows = 4;
  std::string text;
  auto state = static_cast<uint64_t>(seed) * 0x9e3779b97f4a7c15ull + 1;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      text += (state >> 60) == 0 ? 'v' : (state >> 60) == 1 ? '~' : ' ';
    }
    text += '\n';
  }
  return text + std::string(kColumns, '_') + "\n\n";
}

void lolwut(CommandContext& context) {
  if (context.size() >= 3 && is_word(context.argument(1), "version")) {
    int64_t version = 0;
    if (!integer_argument(context, 2, &version)) return;
  }
  context.reply.verbatim("txt", flock(context.now_ms() / 1000) + "Starling ver. " +
                                    std::string(build_facts().version) + ", as Redis ver. " +
                                    std::string(kRedisVersion) + "\n");
}

void monitor(CommandContext& context) {
  if (context.in_exec) return context.reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  context.server.monitors().add(context.client);
  context.reply.ok();
}

void time(CommandContext& context) {
  // Of the system, which a client may compare with its own.
  const int64_t now_us = context.server.clock().local_us();
  context.reply.array(2);
  context.reply.bulk_integer(now_us / 1'000'000);
  context.reply.bulk_integer(now_us % 1'000'000);
}

}  // namespace

std::span<const CommandSpec> status_commands() {
  static const std::array commands = {
      CommandSpec{.name = "lolwut",
                  .syntax = "[VERSION version:integer]",
                  .arity = -1,
                  .flags = kReadOnly | kFast,
                  .categories = kCatRead | kCatFast,
                  .handler = lolwut,
                  .group = "server",
                  .since = "5.0.0",
                  .summary = "Something to look at, and the version.",
                  .difference = "another picture",
                  .scope = Scope::kNode},
      CommandSpec{.name = "monitor",
                  .arity = 1,
                  .flags = kAdmin | kNoScript | kLoading | kStale,
                  .categories = kCatAdmin | kCatSlow | kCatDangerous,
                  .handler = monitor,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Shows every command as it is executed.",
                  .scope = Scope::kNode},
      replica_of_command("replicaof", "5.0.0"),
      CommandSpec{.name = "role",
                  .arity = 1,
                  .flags = kNoScript | kLoading | kStale | kFast,
                  .categories = kCatAdmin | kCatFast | kCatDangerous,
                  .handler = role,
                  .group = "server",
                  .since = "2.8.12",
                  .summary = "The part that the server plays in replication.",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)"}},
      replica_of_command("slaveof", "1.0.0"),
      CommandSpec{.name = "time",
                  .arity = 1,
                  .flags = kLoading | kStale | kFast,
                  .categories = kCatFast,
                  .handler = time,
                  .group = "server",
                  .since = "2.6.0",
                  .summary = "The server's clock: seconds, and microseconds of the second.",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)", .tips = {"nondeterministic_output"}}},
  };
  return commands;
}

}  // namespace starling::server
