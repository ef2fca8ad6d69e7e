// EVAL and its kin, SCRIPT: what they are declared to be.
#include <array>

#include "server/commands/families.h"
#include "server/commands/scripting/handlers.h"

namespace starling::server {
namespace {

constexpr uint32_t kScripting = kCatSlow | kCatScripting;
constexpr CommandChange kFlushHistory[] = {{"6.2.0", "ASYNC and SYNC."}};

constexpr CommandSpec subcommand(std::string_view usage, int arity, uint32_t flags, Handler handler,
                                 std::string_view since, std::string_view summary, const Documentation& docs,
                                 std::string_view difference = {}, Scope scope = Scope::kNode,
                                 Join join = Join::kNone) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = flags,
          .categories = kScripting,
          .handler = handler,
          .group = "scripting",
          .since = since,
          .summary = summary,
          .difference = difference,
          .scope = scope,
          .join = join,
          .docs = docs};
}

std::span<const CommandSpec> subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand("debug (mode= YES | SYNC | NO)", 3, kNoScript, scripting::debug, "3.2.0",
                 "The debugger of scripts.", {.complexity = "O(1)"},
                 "there is no debugger: YES and SYNC answer an error"),
      subcommand("exists sha1 ...", -3, kNoScript, scripting::exists, "2.6.0", "Whether scripts are known.",
                 {.complexity = "O(N)",
                  .work = Work::kOfFewThings,
                  .tips = {"request_policy:all_shards", "response_policy:agg_logical_and"}},
                 "in a cluster: whether this node knows them"),
      subcommand("flush [async= ASYNC | SYNC]@6.2.0", -2, kNoScript, scripting::flush, "2.6.0",
                 "Forgets all scripts.",
                 {.complexity = "O(N)",
                  .work = Work::kOfFewThings,
                  .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"},
                  .history = kFlushHistory},
                 {}, Scope::kEveryNode, Join::kStatus),
      subcommand("help", 2, kLoading | kStale, scripting::help, "5.0.0", "Explains the subcommands.", {}),
      subcommand(
          "kill", 2, kNoScript | kAllowBusy, scripting::kill, "2.6.0",
          "Ends a script that runs for too long.",
          {.complexity = "O(1)", .tips = {"request_policy:all_shards", "response_policy:one_succeeded"}},
          "what the script has changed is taken back, unless that is more than 4 MiB or has no keys; only "
          "scripts that have run for 10 ms are ended",
          Scope::kEveryNode, Join::kAnyOk),
      subcommand("load script", 3, kNoScript | kStale, scripting::load, "2.6.0",
                 "Makes a script known without running it.",
                 {.complexity = "O(N)",
                  .work = Work::kOfFewThings,
                  .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"}},
                 {}, Scope::kEveryNode, Join::kStatus),
      subcommand("show sha1", 3, kNoScript, scripting::show, "starling",
                 "The text of a script, as Valkey 8 shows it.", {.complexity = "O(1)"}),
  };
  return kSubcommands;
}

constexpr std::string_view kSyntax = "script numkeys:integer [key ...] [arg ...]";
constexpr std::string_view kFunctionSyntax = "function numkeys:integer [key ...] [arg ...]";
constexpr std::string_view kShaSyntax = "sha1 numkeys:integer [key ...] [arg ...]";
constexpr uint32_t kEvaluation =
    kNoScript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys | kScript;
constexpr uint32_t kWriting = kMayReplicate | kScriptWrites;
constexpr std::string_view kDifference =
    "in a cluster a script touches only keys that it was given, and is ended after busy-reply-threshold; "
    "EVAL keeps the last 500 scripts, as Redis "
    "7.4; "
    "cjson's settings end with the script";

constexpr CommandSpec evaluation(std::string_view name, std::string_view syntax, uint32_t flags, int use,
                                 Handler handler, std::string_view since, std::string_view summary,
                                 std::string_view difference = kDifference) {
  return {.name = name,
          .syntax = syntax,
          .arity = -3,
          .flags = kEvaluation | flags,
          .categories = kScripting,
          .keys = counted_keys(2, use),
          .handler = handler,
          .group = "scripting",
          .since = since,
          .summary = summary,
          .find_keys = scripting::find_script_keys,
          .difference = difference,
          .docs = {.complexity = "Depends on the script that is executed.", .work = Work::kHoldsLoop}};
}

constexpr std::string_view kFunctionDifference =
    "as EVAL; what a library keeps in its own variables is kept for each I/O thread of each node";

}  // namespace

std::span<const CommandSpec> scripting_commands() {
  constexpr int kReads = kKeyRO | kKeyAccess, kChanges = kKeyRW | kKeyAccess | kKeyUpdate;
  static const std::array commands = {
      evaluation("eval", kSyntax, kWriting, kChanges, scripting::eval, "2.6.0", "Runs a Lua script."),
      evaluation("evalsha", kShaSyntax, kWriting | kScriptBySha, kChanges, scripting::evalsha, "2.6.0",
                 "Runs a Lua script that is known by its SHA-1."),
      evaluation("eval_ro", kSyntax, kReadOnly, kReads, scripting::eval_ro, "7.0.0",
                 "Runs a Lua script that only reads."),
      evaluation("evalsha_ro", kShaSyntax, kReadOnly | kScriptBySha, kReads, scripting::evalsha_ro, "7.0.0",
                 "Runs a Lua script that only reads and is known by its SHA-1."),
      evaluation("fcall", kFunctionSyntax, kWriting, kChanges, scripting::fcall, "7.0.0",
                 "Runs a function of a library.", kFunctionDifference),
      evaluation("fcall_ro", kFunctionSyntax, kReadOnly, kReads, scripting::fcall_ro, "7.0.0",
                 "Runs a function of a library that only reads.", kFunctionDifference),
      CommandSpec{.name = "function",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "scripting",
                  .since = "7.0.0",
                  .summary = "Groups the commands about functions.",
                  .subcommands = scripting::function_subcommands()},
      CommandSpec{.name = "script",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "scripting",
                  .since = "2.6.0",
                  .summary = "Groups the commands about scripts.",
                  .subcommands = subcommands()},
  };
  return commands;
}

}  // namespace starling::server
