// What the commands on the clients of the server: CLIENT are.
#include <array>

#include "server/commands/connection/handlers.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

constexpr uint32_t kPlain = kNoScript | kLoading | kStale;
constexpr uint32_t kPlainCategories = kCatSlow | kCatConnection;
constexpr uint32_t kAdminCategories = kCatAdmin | kCatSlow | kCatDangerous | kCatConnection;

constexpr CommandChange kClientKillHistory[] = {
    {"2.8.12", "Filters by name and value."},
    {"2.8.12", "ID."},
    {"3.2.0", "TYPE master."},
    {"5.0.0", "TYPE replica; slave stays as another name for it."},
    {"6.2.0", "LADDR."}};
constexpr CommandChange kClientListHistory[] = {
    {"2.8.12", "The field id."},
    {"5.0.0", "TYPE."},
    {"6.0.0", "The field user."},
    {"6.2.0", "The fields argv-mem, tot-mem, laddr and redir; ID."},
    {"7.0.0", "The fields resp, multi-mem, rbs and rbp."},
    {"7.0.3", "The field ssub."}};
constexpr CommandChange kClientPauseHistory[] = {{"6.2.0", "WRITE and ALL."}};

CommandSpec plain(std::string_view usage, int arity, Handler handler, std::string_view since,
                  std::string_view summary, const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kPlain,
          .categories = kPlainCategories,
          .handler = handler,
          .group = "connection",
          .since = since,
          .summary = summary,
          .scope = Scope::kSession,
          .docs = docs};
}

CommandSpec admin(std::string_view name, int arity, Handler handler, std::string_view since,
                  std::string_view summary, const Documentation& docs = {}) {
  CommandSpec spec = plain(name, arity, handler, since, summary, docs);
  spec.scope = Scope::kNode;
  spec.flags |= kAdmin;
  spec.categories = kAdminCategories;
  return spec;
}

CommandSpec of_session(CommandSpec spec) {
  spec.scope = Scope::kSession;
  return spec;
}

CommandSpec differing(CommandSpec spec, std::string_view difference) {
  spec.difference = difference;
  return spec;
}

CommandSpec help_spec() {
  CommandSpec spec = plain("help", 2, client_command::help, "5.0.0", "Explains the subcommands.");
  spec.flags = kLoading | kStale;
  return spec;
}

}  // namespace

std::span<const CommandSpec> client_subcommands() {
  static const std::array subcommands = {
      differing(plain("caching (mode= YES | NO)", 3, client_command::caching, "6.0.0",
                      "Whether the keys that the next command reads are tracked.", {.complexity = "O(1)"}),
                "In a cluster not inside a transaction."),
      plain("getname", 2, client_command::get_name, "2.6.9", "The name of the connection.",
            {.complexity = "O(1)"}),
      plain("getredir", 2, client_command::get_redirection, "6.0.0",
            "Where tracking redirects invalidations to.", {.complexity = "O(1)"}),
      help_spec(),
      plain("id", 2, client_command::id, "5.0.0", "The number of the connection.", {.complexity = "O(1)"}),
      plain("info", 2, client_command::info, "6.2.0", "What the server knows about the connection.",
            {.complexity = "O(1)", .tips = {"nondeterministic_output"}}),
      differing(
          admin(
              "kill (filter= ip:port~2.8.12 | (new-format= [ID client-id:integer]@2.8.12 | [TYPE "
              "(normal_master_slave_pubsub= NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)]@2.8.12 "
              "| [USER username] | [ADDR ip:port] | [LADDR ip:port]@6.2.0 | [SKIPME yes/no]) ...)",
              -3, client_command::kill, "2.4.0", "Closes connections.",
              {.complexity = "O(N)", .work = Work::kOfFewThings, .history = kClientKillHistory}),
          "Inside a transaction it needs io-threads 1."),
      differing(
          admin(
              "list [TYPE (NORMAL | MASTER | REPLICA | PUBSUB)]@5.0.0 [ID {id= client-id:integer ...}]@6.2.0",
              -2, client_command::list, "2.4.0", "What the server knows about all connections.",
              {.complexity = "O(N)",
               .work = Work::kOfFewThings,
               .tips = {"nondeterministic_output"},
               .history = kClientListHistory}),
          "Inside a transaction it needs io-threads 1. Lines end with lib-name and lib-ver, as in "
          "Redis 7.2."),
      of_session(admin("no-evict (enabled= ON | OFF)", 3, client_command::no_evict, "7.0.0",
                       "Protects the connection from being closed to save memory.", {.complexity = "O(1)"})),
      plain("no-touch (enabled= ON | OFF)", 3, client_command::no_touch, "7.2.0",
            "Keeps the connection's reads from making keys look used."),
      differing(
          admin("pause timeout:integer [mode= WRITE | ALL]@6.2.0", -3, client_command::pause, "2.9.50",
                "Holds commands back for a time.", {.complexity = "O(1)", .history = kClientPauseHistory}),
          "A time that no clock holds is refused."),
      plain("reply (ON | OFF | SKIP)", 3, client_command::reply, "3.2.0",
            "Whether the connection gets replies.", {.complexity = "O(1)"}),
      plain("setinfo (attr= LIB-NAME libname | LIB-VER libver)", 4, client_command::set_info, "7.2.0",
            "Tells which client library the connection uses."),
      plain("setname connection-name", 3, client_command::set_name, "2.6.9", "Names the connection.",
            {.complexity = "O(1)"}),
      differing(
          plain(
              "tracking (status= ON | OFF) [REDIRECT client-id:integer] [PREFIX prefix] ... [BCAST] [OPTIN] "
              "[OPTOUT] [NOLOOP]",
              -3, client_command::tracking, "6.0.0",
              "Tells the connection when keys change that it has read.", {.complexity = "O(1)"}),
          "SWAPDB, too, is told as if all keys had changed. In a cluster not inside a transaction, NOLOOP's "
          "own "
          "changes may be told, a change may be told several times, and when another node is lost all keys "
          "are."),
      plain("trackinginfo", 2, client_command::tracking_info, "6.2.0",
            "The state of tracking for the connection.", {.complexity = "O(1)"}),
      differing(admin("unblock client-id:integer [TIMEOUT | ERROR]", -3, client_command::unblock, "5.0.0",
                      "Ends the wait of a blocked client.", {.complexity = "O(log N)"}),
                "Inside a transaction it needs io-threads 1. In a cluster an element that is given to the "
                "client at the very moment "
                "may be lost to it."),
      admin("unpause", 2, client_command::unpause, "6.2.0", "Ends a pause.",
            {.complexity = "O(N)", .work = Work::kOfFewThings}),
  };
  return subcommands;
}

}  // namespace starling::server
