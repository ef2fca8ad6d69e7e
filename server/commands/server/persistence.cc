// SAVE, BGSAVE, LASTSAVE and SHUTDOWN. Data is durable without them: SAVE and BGSAVE make a copy that a
// server can be started on.
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/execute/dispatcher.h"
#include "server/process/log.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

constexpr std::string_view kAlreadySaving = "ERR Background save already in progress";

engine::Status take_snapshot(Server& server) {
  const Settings& settings = server.settings();
  return server.snapshots().take(server.engine(), settings.directory,
                                 static_cast<size_t>(settings.snapshots_keep));
}

void save(CommandContext& context) {
  if (!context.server.snapshots().begin()) return context.reply.error(kAlreadySaving);
  context.offload([&server = context.server]() -> CommandContext::Completion {
    const engine::Status status = take_snapshot(server);
    return [status](resp::ReplyWriter& reply) {
      if (status.ok()) return reply.ok();
      reply.error("ERR " + status.message());
    };
  });
}

void background_save(CommandContext& context) {
  if (context.size() > 2 || (context.size() == 2 && !is_word(context.argument(1), "schedule"))) {
    return context.reply.error(kSyntaxError);
  }
  Server& server = context.server;
  if (!server.engine().options().durable) {
    return context.reply.error("ERR storage memory keeps nothing on disk");
  }
  if (!server.snapshots().begin()) return context.reply.error(kAlreadySaving);
  server.engine().offload([&server] {
    // How it ended, the log and INFO tell.
    (void)take_snapshot(server);
  });
  context.reply.simple_string("Background saving started");
}

void last_save(CommandContext& context) {
  context.reply.integer(context.server.last_save_seconds(context.server.engine().statistics()));
}

// What SHUTDOWN's options ask for. False: they contradict each other, or are none.
bool parse_shutdown(Arguments options, bool* abort, bool* no_save) {
  bool save = false, now_or_force = false;
  *abort = *no_save = false;
  for (const std::string_view option : options) {
    if (is_word(option, "save")) {
      save = true;
    } else if (is_word(option, "nosave")) {
      *no_save = true;
    } else if (is_word(option, "now") || is_word(option, "force")) {
      now_or_force = true;
    } else if (is_word(option, "abort")) {
      *abort = true;
    } else {
      return false;
    }
  }
  return !(save && *no_save) && !(*abort && (save || *no_save || now_or_force));
}

void shutdown(CommandContext& context) {
  bool abort = false, no_save = false;
  if (!parse_shutdown(context.arguments.subspan(1), &abort, &no_save))
    return context.reply.error(kSyntaxError);
  // A shutdown waits for nobody, so there is none to abort.
  if (abort) return context.reply.error("ERR No shutdown in progress.");
  if (!no_save && context.client.io_thread().dispatcher().busy()) return context.reply.error(kBusy);
  log_text(LogLevel::kWarning, "SHUTDOWN by " + context.client.address() + ".");
  // The connection's end is the answer.
  context.suspend();
  context.server.request_shutdown(no_save ? engine::Leave::kLog : engine::Leave::kNothing);
}

constexpr uint32_t kAdministration = kCatAdmin | kCatSlow | kCatDangerous;

constexpr CommandChange kBgsaveHistory[] = {{"3.2.2", "SCHEDULE."}};
constexpr CommandChange kShutdownHistory[] = {{"7.0.0", "NOW, FORCE and ABORT."}};

}  // namespace

std::span<const CommandSpec> persistence_commands() {
  static const std::array commands = {
      CommandSpec{.name = "bgsave",
                  .syntax = "[SCHEDULE]@3.2.2",
                  .arity = -1,
                  .flags = kAdmin | kNoScript | kNoAsyncLoading,
                  .categories = kAdministration,
                  .handler = background_save,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Begins to make a snapshot.",
                  .difference = "makes a data directory under dir/snapshots, keeping the last snapshots-keep",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)", .history = kBgsaveHistory}},
      CommandSpec{.name = "lastsave",
                  .arity = 1,
                  .flags = kLoading | kStale | kFast,
                  .categories = kCatAdmin | kCatFast | kCatDangerous,
                  .handler = last_save,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "When the last checkpoint or snapshot was.",
                  .difference = "checkpoints count too",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)", .tips = {"nondeterministic_output"}}},
      CommandSpec{.name = "save",
                  .arity = 1,
                  .flags = kAdmin | kNoScript | kNoAsyncLoading | kNoMulti,
                  .categories = kAdministration,
                  .handler = save,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Makes a snapshot, and answers when it is complete.",
                  .difference =
                      "makes a data directory under dir/snapshots, keeping the last snapshots-keep; other "
                      "clients go on meanwhile",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(N)", .work = Work::kElsewhere}},
      CommandSpec{.name = "shutdown",
                  .syntax = "[NOSAVE | SAVE] [NOW]@7.0.0 [FORCE]@7.0.0 [ABORT]@7.0.0",
                  .arity = -1,
                  .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy | kEndsServer,
                  .categories = kAdministration,
                  .handler = shutdown,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Stops the server cleanly.",
                  .difference = "nothing acknowledged is lost with NOSAVE either",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(N)", .work = Work::kElsewhere, .history = kShutdownHistory}},
  };
  return commands;
}

}  // namespace starling::server
