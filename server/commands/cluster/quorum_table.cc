// What the commands on quorums: QUORUM are.
#include <array>

#include "server/commands/cluster/handlers.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

CommandSpec plain(std::string_view usage, int arity, Handler handler, std::string_view summary) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kFast | kNoScript,
          .categories = kCatConnection | kCatFast,
          .handler = handler,
          .group = "cluster",
          .since = "starling",
          .summary = summary,
          .scope = Scope::kSession};
}

std::span<const CommandSpec> quorum_subcommands() {
  static const std::array subcommands = {
      plain("get", 2, quorum_command::get, "The quorums in force for this connection."),
      plain("help", 2, quorum_command::help, "Explains the subcommands."),
      plain("set [R level] [W level] [SLOPPY | STRICT] [TIMEOUT milliseconds:integer]", -3,
            quorum_command::set, "Sets the quorums of this connection: R, W, SLOPPY or STRICT, TIMEOUT."),
      plain("reset", 2, quorum_command::reset, "Goes back to the quorums of the settings."),
      [] {
        CommandSpec spec = plain(
            "exec [R level] [W level] [SLOPPY | STRICT] [TIMEOUT milliseconds:integer] -- command [arg ...]",
            -4, quorum_command::exec, "Runs one command with quorums of its own.");
        spec.flags |= kMovableKeys | kUnwraps;
        spec.scope = Scope::kKeys;
        spec.find_keys = quorum_command::inner_keys;
        spec.find_secrets = quorum_command::inner_secrets;
        return spec;
      }(),
      [] {
        CommandSpec spec = plain("explain key", 3, quorum_command::explain,
                                 "Which nodes hold a key, how they are, and which version each has.");
        spec.keys = key_at(2, kKeyRO | kKeyNotKey);
        spec.scope = Scope::kNode;
        return spec;
      }(),
  };
  return subcommands;
}

}  // namespace

std::span<const CommandSpec> quorum_commands() {
  static const std::array commands = {
      CommandSpec{.name = "quorum",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "cluster",
                  .since = "starling",
                  .summary = "How many replicas reads and writes involve.",
                  .subcommands = quorum_subcommands()},
  };
  return commands;
}

}  // namespace starling::server
