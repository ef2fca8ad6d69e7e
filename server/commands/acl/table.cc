// What the commands on users, ACL, are.
#include <array>

#include "server/commands/acl/handlers.h"
#include "server/commands/families.h"
#include "server/commands/server/admin_container.h"

namespace starling::server {
namespace {

constexpr CommandChange kSetUserHistory[] = {{"6.2.0", "Patterns of channels."},
                                             {"7.0.0", "Selectors, and keys by what is done with them."}};
constexpr CommandChange kGetUserHistory[] = {{"6.2.0", "Patterns of channels."},
                                             {"7.0.0", "Selectors; keys and channels as rules."}};

constexpr CommandSpec administers(std::string_view usage, int arity, Handler handler,
                                  std::string_view summary,
                                  const Documentation& docs = {.complexity = "O(N)",
                                                               .work = Work::kOfFewThings}) {
  return admin_subcommand(usage, arity, kNoScript | kLoading | kStale, handler, "6.0.0", summary, docs);
}

constexpr CommandSpec open_to_all(std::string_view usage, int arity, Handler handler,
                                  std::string_view summary, const Documentation& docs) {
  CommandSpec spec = administers(usage, arity, handler, summary, docs);
  spec.flags &= ~uint32_t{kAdmin};
  spec.categories = kCatSlow;
  return spec;
}

std::span<const CommandSpec> acl_subcommands() {
  static const std::array kSubcommands = {
      open_to_all("cat [categoryname]", -2, acl_command::categories,
                  "The categories of commands, or the commands of one.", {.complexity = "O(1)"}),
      administers("deluser username ...", -3, acl_command::delete_user, "Deletes users.",
                  {.complexity = "O(1)"}),
      [] {
        CommandSpec spec = administers("dryrun username command [arg ...]", -4, acl_command::dry_run,
                                       "Whether a user may run a command.", {.complexity = "O(1)"});
        spec.since = "7.0.0";
        spec.find_secrets = acl_command::tried_arguments;
        return spec;
      }(),
      open_to_all("genpass [bits:integer]", -2, acl_command::generate_password, "A password made by chance.",
                  {.complexity = "O(1)"}),
      administers("getuser username", 3, acl_command::get_user, "What a user may do.",
                  {.complexity = "O(N)", .work = Work::kOfFewThings, .history = kGetUserHistory}),
      help_subcommand(acl_command::help, "6.0.0"),
      administers("list", 2, acl_command::list, "The users, as lines of a file."),
      [] {
        CommandSpec spec = administers("load", 2, acl_command::load, "Takes the users from their file.");
        spec.difference = "closes the clients of users who are gone, and no others";
        return spec;
      }(),
      administers("log [operation= count:integer | RESET]", -2, acl_command::log, "What was refused to whom.",
                  {.complexity = "O(N)", .work = Work::kOfFewThings}),
      administers("save", 2, acl_command::save, "Writes the users to their file."),
      [] {
        CommandSpec spec =
            administers("setuser username [rule ...]", -3, acl_command::set_user, "Makes or changes a user.",
                        {.complexity = "O(N)", .work = Work::kOfFewThings, .history = kSetUserHistory});
        spec.find_secrets = acl_command::rule_secrets;
        spec.difference =
            "a user's name is not empty; rules of commands are shown in their order, as by Redis 7.2";
        return spec;
      }(),
      administers("users", 2, acl_command::users, "The names of the users."),
      open_to_all("whoami", 2, acl_command::who_am_i, "The user of this connection.", {.complexity = "O(1)"}),
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> acl_commands() {
  static const std::array commands = {
      CommandSpec{.name = "acl",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "6.0.0",
                  .summary = "Groups the commands about users.",
                  .subcommands = acl_subcommands()},
  };
  return commands;
}

}  // namespace starling::server
