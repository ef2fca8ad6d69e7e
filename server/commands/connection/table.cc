// What the commands on the connection are.
#include <array>

#include "server/commands/connection/handlers.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

constexpr uint32_t kAlwaysAllowed = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy;
constexpr uint32_t kFastConnection = kCatFast | kCatConnection;

constexpr CommandChange kAuthHistory[] = {{"6.0.0", "A user's name before the password."}};
constexpr CommandChange kHelloHistory[] = {{"6.2.0", "Without a version, what is in force."}};

}  // namespace

std::span<const CommandSpec> connection_commands() {
  static const std::array commands = {
      CommandSpec{.name = "auth",
                  .syntax = "[username]@6.0.0 password",
                  .arity = -2,
                  .flags = kAlwaysAllowed,
                  .categories = kFastConnection,
                  .handler = connection::auth,
                  .group = "connection",
                  .since = "1.0.0",
                  .summary = "Proves with a password that the client may use the server.",
                  .difference = "refused inside MULTI",
                  .find_secrets = connection::auth_secrets,
                  .scope = Scope::kSession,
                  .docs = {.complexity = "O(N)", .work = Work::kOfFewThings, .history = kAuthHistory}},
      CommandSpec{.name = "client",
                  .arity = -2,
                  .flags = kKeepsCaching,
                  .categories = kCatSlow,
                  .handler = nullptr,
                  .group = "connection",
                  .since = "2.4.0",
                  .summary = "Groups the commands about client connections.",
                  .subcommands = client_subcommands()},
      CommandSpec{.name = "echo",
                  .syntax = "message",
                  .arity = 2,
                  .flags = kLoading | kStale | kFast,
                  .categories = kFastConnection,
                  .handler = connection::echo,
                  .group = "connection",
                  .since = "1.0.0",
                  .summary = "Answers with its argument.",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hello",
                  .syntax = "[arguments= protover:integer [AUTH {username password}] [SETNAME clientname]]",
                  .arity = -1,
                  .flags = kAlwaysAllowed,
                  .categories = kFastConnection,
                  .handler = connection::hello,
                  .group = "connection",
                  .since = "6.0.0",
                  .summary = "Chooses the protocol version, and tells about the server.",
                  .find_secrets = connection::hello_secrets,
                  .scope = Scope::kSession,
                  .docs = {.complexity = "O(1)", .history = kHelloHistory}},
      CommandSpec{.name = "ping",
                  .syntax = "[message]",
                  .arity = -1,
                  .flags = kFast | kInSubscribeMode,
                  .categories = kFastConnection,
                  .handler = connection::ping,
                  .group = "connection",
                  .since = "1.0.0",
                  .summary = "Answers, to show that the server lives.",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)",
                           .tips = {"request_policy:all_shards", "response_policy:all_succeeded"}}},
      CommandSpec{.name = "quit",
                  .arity = -1,
                  .flags = kAlwaysAllowed | kInSubscribeMode,
                  .categories = kFastConnection,
                  .handler = connection::quit,
                  .group = "connection",
                  .since = "1.0.0",
                  .summary = "Closes the connection.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kEnds,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "reset",
                  .arity = 1,
                  .flags = kAlwaysAllowed | kInSubscribeMode,
                  .categories = kFastConnection,
                  .handler = connection::reset,
                  .group = "connection",
                  .since = "6.2.0",
                  .summary = "Puts the connection back into the state of a new one.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kEnds,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "select",
                  .syntax = "index:integer",
                  .arity = 2,
                  .flags = kLoading | kStale | kFast,
                  .categories = kFastConnection,
                  .handler = connection::select,
                  .group = "connection",
                  .since = "1.0.0",
                  .summary = "Chooses the database that the connection's commands use.",
                  .scope = Scope::kSession,
                  .renumbers = Renumbers::kSelects,
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

}  // namespace starling::server
