// EVAL and its kin, SCRIPT. What a script does is in server/execute/script_run.h.
#include <string>

#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/help.h"
#include "server/commands/scripting/handlers.h"
#include "server/execute/dispatcher.h"
#include "server/execute/script/running_scripts.h"
#include "server/execute/script_run.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::scripting {
namespace {

constexpr std::string_view kNoSuchScript = "NOSCRIPT No matching script. Please use EVAL.";
constexpr size_t kFirstKey = 3;

// How many keys follow. False, with an error written (if `reply` is given): what is said makes no sense.
bool count_keys(Arguments arguments, size_t* count, resp::ReplyWriter* reply) {
  int64_t number = 0;
  std::string_view error;
  if (!resp::parse_integer(arguments[2], &number)) {
    error = "ERR value is not an integer or out of range";
  } else if (number > static_cast<int64_t>(arguments.size() - kFirstKey)) {
    error = "ERR Number of keys can't be greater than number of args";
  } else if (number < 0) {
    error = "ERR Number of keys can't be negative";
  }
  *count = static_cast<size_t>(number);
  if (!error.empty() && reply != nullptr) reply->error(error);
  return error.empty();
}

const LoopScripts::Compiled* find_script(CommandContext& context, bool by_sha) {
  LoopScripts& scripts = context.client.io_thread().scripts();
  std::string error;
  const LoopScripts::Compiled* compiled = nullptr;
  if (by_sha) {
    const std::optional<Sha1> sha = sha1_from_hex(context.argument(1));
    if (sha) compiled = scripts.find(*sha, &error);
    if (compiled == nullptr && error.empty()) error = kNoSuchScript;
  } else {
    compiled = scripts.add(context.argument(1), ScriptCache::From::kEval, &error);
  }
  if (compiled == nullptr) context.reply.error(error);
  return compiled;
}

void evaluate(CommandContext& context, bool by_sha, bool read_only) {
  Server& server = context.server;
  // In front of what it calls.
  if (server.monitors().active())
    server.monitors().feed(context.client, context.client.database,
                           ShownArguments(context.spec, context.arguments), server.clock().wall_us());
  size_t count = 0;
  if (by_sha && context.argument(1).size() != 2 * sizeof(Sha1)) return context.reply.error(kNoSuchScript);
  if (!count_keys(context.arguments, &count, &context.reply)) return;
  const LoopScripts::Compiled* const compiled = find_script(context, by_sha);
  if (compiled == nullptr) return;
  // What it runs may make the process forget it.
  const std::shared_ptr<const Script> kept = compiled->script;
  Dispatcher& dispatcher = context.client.io_thread().dispatcher();
  Interpreter& interpreter = context.client.io_thread().scripts().interpreter();
  ScriptRun run(context, *compiled, interpreter, dispatcher.locked_keys(), read_only);
  const Arguments keys = context.arguments.subspan(kFirstKey, count);
  std::unique_ptr<ScriptNeeds> needs = run.run(keys, context.arguments.subspan(kFirstKey + count));
  if (needs != nullptr) dispatcher.start_over_with(std::move(needs));
}

}  // namespace

bool find_script_keys(Arguments arguments, std::vector<int>* positions) {
  size_t count = 0;
  // The handler says what is wrong.
  if (arguments.size() < kFirstKey || !count_keys(arguments, &count, nullptr)) return true;
  for (size_t i = 0; i < count; ++i) positions->push_back(static_cast<int>(kFirstKey + i));
  return true;
}

void eval(CommandContext& context) {
  evaluate(context, false, false);
}

void evalsha(CommandContext& context) {
  evaluate(context, true, false);
}

void eval_ro(CommandContext& context) {
  evaluate(context, false, true);
}

void evalsha_ro(CommandContext& context) {
  evaluate(context, true, true);
}

void load(CommandContext& context) {
  std::string error;
  LoopScripts& scripts = context.client.io_thread().scripts();
  const LoopScripts::Compiled* const compiled =
      scripts.add(context.argument(2), ScriptCache::From::kLoad, &error);
  if (compiled == nullptr) return context.reply.error(error);
  context.reply.bulk(compiled->script->hex);
}

void exists(CommandContext& context) {
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i) {
    const std::optional<Sha1> sha = sha1_from_hex(context.argument(i));
    context.reply.integer(sha && context.server.scripts().find(*sha) != nullptr ? 1 : 0);
  }
}

void show(CommandContext& context) {
  const std::optional<Sha1> sha = sha1_from_hex(context.argument(2));
  const std::shared_ptr<const Script> script = sha ? context.server.scripts().find(*sha) : nullptr;
  if (script == nullptr) return context.reply.error("NOSCRIPT No matching script.");
  context.reply.bulk(script->text);
}

void flush(CommandContext& context) {
  const bool known =
      context.size() == 2 || (context.size() == 3 && (equals_ignoring_case(context.argument(2), "async") ||
                                                      equals_ignoring_case(context.argument(2), "sync")));
  if (!known) return context.reply.error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  context.server.scripts().flush();
  context.reply.ok();
}

void kill(CommandContext& context) {
  switch (context.server.running_scripts().kill()) {
    case RunningScripts::Killed::kYes:
      return context.reply.ok();
    case RunningScripts::Killed::kNone:
      return context.reply.error("NOTBUSY No scripts in execution right now.");
    case RunningScripts::Killed::kNotNow:
      return context.reply.error(
          "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either "
          "wait the "
          "script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.");
  }
}

void debug(CommandContext& context) {
  if (equals_ignoring_case(context.argument(2), "no")) return context.reply.ok();
  context.reply.error("ERR there is no debugger for scripts");
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "EXISTS <sha1> [<sha1> ...]",
      "    Of each script, 1 when it is known and 0 when not.",
      "FLUSH [ASYNC|SYNC]",
      "    Forgets all scripts.",
      "KILL",
      "    Ends the script that runs for too long; what it has changed is taken back.",
      "LOAD <script>",
      "    Makes a script known without running it, and answers its SHA-1.",
      "SHOW <sha1>",
      "    The text of a script.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

}  // namespace starling::server::scripting
