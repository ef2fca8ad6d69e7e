// CONFIG: see and change the settings of the running server.
#include <array>
#include <utility>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/server/admin_container.h"
#include "server/config.h"
#include "server/config/setting_spec.h"
#include "server/execute/command.h"
#include "server/io_thread.h"
#include "server/metrics/cycle_clock.h"
#include "server/process/log.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/pending_reply.h"

namespace starling::server {
namespace {

void get(CommandContext& context) {
  auto found = context.server.config().get(context.arguments.subspan(2));
  context.reply.map(found.size());
  for (const auto& [name, value] : found) {
    context.reply.bulk(name);
    context.reply.bulk(value);
  }
}

void set(CommandContext& context) {
  if (context.size() % 2 != 0) return context.reply.error(kSyntaxError);
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (size_t i = 2; i < context.size(); i += 2)
    pairs.emplace_back(context.argument(i), context.argument(i + 1));
  engine::Status status = context.server.config().set(pairs);
  if (!status.ok()) return context.reply.error(status.message());
  context.reply.ok();
}

// Also what follows a name that no setting has: it may be a secret one's, mistyped. And what stands behind that, unless
// it is a setting's name: it may be the rest of a value with spaces in it.
void set_secrets(Arguments arguments, std::vector<int>* positions) {
  const bool in_pairs = arguments.size() % 2 == 0;
  bool behind_secret = false, secret_value = false;
  for (size_t i = 2; i < arguments.size(); ++i) {
    bool hidden = secret_value;
    if (i % 2 == 0) {
      const std::string_view name = arguments[i];
      const bool known = find_setting(name) != nullptr;
      hidden = (behind_secret && !(known && in_pairs)) || leading_name(name) != name;
      secret_value = hidden || !known || is_secret_setting(name);
      behind_secret |= secret_value;
    }
    if (hidden) positions->push_back(static_cast<int>(i));
  }
}

void rewrite(CommandContext& context) {
  // It waits for the disk.
  context.offload([config = &context.server.config()]() -> CommandContext::Completion {
    engine::Status status = config->rewrite();
    log_text(status.ok() ? LogLevel::kNotice : LogLevel::kWarning,
             status.ok() ? "CONFIG REWRITE: " + config->file() + " is up to date"
                         : "CONFIG REWRITE: " + status.message());
    return [status](resp::ReplyWriter& reply) {
      if (status.ok()) return reply.ok();
      reply.error(status.message());
    };
  });
}

void reset_statistics(CommandContext& context) {
  IoThread& here = context.client.io_thread();
  if (context.in_exec) {
    // A transaction does not wait for the other loops, which reset theirs a moment later.
    context.server.reset_statistics(here, [] {});
    return context.reply.ok();
  }
  // The call itself is the first that is counted anew.
  const uint32_t own = context.client.last_command->id;
  context.server.reset_statistics(here, [&here, own, begin = cycles_now(), pending = context.suspend()] {
    pending.complete([&here, own, begin](resp::ReplyWriter& reply) {
      CommandCounters& counters = here.statistics().commands[own];
      counters.reset();
      counters.count(cycles_now() - begin);
      reply.ok();
    });
  });
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GET <pattern> [<pattern> ...]",
      "    The settings whose names match one of the patterns, with their values.",
      "SET <setting> <value> [<setting> <value> ...]",
      "    Changes the settings, all of them or none.",
      "RESETSTAT",
      "    Sets the counters that INFO shows back to zero.",
      "REWRITE",
      "    Brings the configuration file up to date with the settings in force.",
      "HELP",
      "    Prints this help.",
  };
  context.reply.array(std::size(kLines));
  for (std::string_view line : kLines) context.reply.simple_string(line);
}

constexpr CommandChange kConfigGetHistory[] = {{"7.0.0", "Several patterns."}};
constexpr CommandChange kConfigSetHistory[] = {{"7.0.0", "Several settings."}};

CommandSpec subcommand(std::string_view usage, int arity, Handler handler, std::string_view since,
                       std::string_view summary, const Documentation& docs = {}) {
  return admin_subcommand(usage, arity, kNoScript | kLoading | kStale, handler, since, summary, docs);
}

CommandSpec with_secrets(CommandSpec spec, SecretFinder find_secrets) {
  spec.find_secrets = find_secrets;
  return spec;
}

std::span<const CommandSpec> subcommands() {
  static const std::array subcommands = {
      subcommand("get {parameter} ...", -3, get, "2.0.0", "The values of settings.",
                 {.complexity = "O(N)", .work = Work::kOfFewThings, .history = kConfigGetHistory}),
      help_subcommand(help, "5.0.0"),
      subcommand("resetstat", 2, reset_statistics, "2.0.0", "Sets the server's counters back to zero.",
                 {.complexity = "O(1)"}),
      subcommand("rewrite", 2, rewrite, "2.8.0", "Writes the settings in force to the configuration file.",
                 {.complexity = "O(1)"}),
      with_secrets(
          subcommand("set {parameter value} ...", -4, set, "2.0.0", "Changes settings of the running server.",
                     {.complexity = "O(N)",
                      .work = Work::kOfFewThings,
                      .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"},
                      .history = kConfigSetHistory}),
          set_secrets),
  };
  return subcommands;
}

}  // namespace

std::span<const CommandSpec> config_commands() {
  static const std::array commands = {
      CommandSpec{.name = "config",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "2.0.0",
                  .summary = "Groups the commands about settings.",
                  .subcommands = subcommands(),
                  .difference =
                      "settings that have no meaning here are accepted without effect or refused at start, "
                      "see conf/starling.conf"},
  };
  return commands;
}

}  // namespace starling::server
