// MULTI, EXEC, DISCARD, WATCH, UNWATCH. The dispatcher queues the commands between MULTI and EXEC, and has
// locked all their keys, and those watched, when EXEC's handler runs.
#include <array>
#include <utility>

#include "server/commands/families.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

void multi(CommandContext& context) {
  if (context.client.transaction.open) return context.reply.error("ERR MULTI calls can not be nested");
  context.client.transaction.open = true;
  context.reply.ok();
}

void discard(CommandContext& context) {
  if (!context.client.transaction.open) return context.reply.error("ERR DISCARD without MULTI");
  context.client.discard_transaction(context.server.watches());
  context.reply.ok();
}

void exec(CommandContext& context) {
  Client& client = context.client;
  if (!client.transaction.open) return context.reply.error("ERR EXEC without MULTI");
  // A watched key whose time has come is found out by looking: the look removes it, which tells its watchers.
  for (const WatchedKey& watched : client.watched) {
    context.operation.database(watched.database).find(engine::Key(watched.key), engine::Touch::kNo);
  }
  const bool dirty = client.watch_state != nullptr && client.watch_state->dirty;
  Transaction own = std::exchange(client.transaction, {});
  Transaction* const retained = std::exchange(client.retained, nullptr);
  if (retained != nullptr) *retained = std::move(own);
  const Transaction& transaction = retained != nullptr ? *retained : own;
  client.unwatch_all(context.server.watches());
  if (transaction.broken)
    return context.reply.error("EXECABORT Transaction discarded because of previous errors.");
  if (dirty) return context.reply.null_array();

  const uint64_t from = client.output.position();
  bool dropped = false;
  context.reply.array(transaction.queue.size());
  IoThread& io_thread = client.io_thread();
  Dispatcher& dispatcher = io_thread.dispatcher();
  for (const QueuedCommand& queued : transaction.queue) {
    dispatcher.call(client, *queued.command, queued.arguments, context.operation, true, nullptr, nullptr);
    // It is executed to its end whoever gets to know.
    dropped |= io_thread.outgrown(client);
    if (dropped) client.output.truncate_to(from);
  }
  if (dropped && !client.closing)
    context.reply.error(
        "ERR the replies are too long for this node to bring them; the transaction was executed");
}

void watch(CommandContext& context) {
  Client& client = context.client;
  if (client.transaction.open) return context.reply.error("ERR WATCH inside MULTI is not allowed");
  if (client.watch_state == nullptr) client.watch_state = std::make_shared<WatchState>();
  for (size_t i = 1; i < context.size(); ++i) {
    const std::string_view name = context.argument(i);
    // Nothing more to learn once dirty: EXEC fails anyway.
    if (client.watch_state->dirty) break;
    if (client.watches_key(client.database, name)) continue;
    const bool exists = static_cast<bool>(context.database.find(context.key(i), engine::Touch::kNo));
    context.server.watches().watch(client.database, name, exists, client.watch_state);
    client.watched.push_back({client.database, std::string(name)});
    client.watched_bytes += client.watched.back().memory_bytes();
  }
  context.reply.ok();
}

void unwatch(CommandContext& context) {
  context.client.unwatch_all(context.server.watches());
  context.reply.ok();
}

constexpr uint32_t kControl = kNoScript | kLoading | kStale | kFast | kAllowBusy;
constexpr uint32_t kFastTransaction = kCatFast | kCatTransaction;

}  // namespace

std::span<const CommandSpec> transaction_commands() {
  static const std::array commands = {
      CommandSpec{.name = "discard",
                  .arity = 1,
                  .flags = kControl,
                  .categories = kFastTransaction,
                  .handler = discard,
                  .group = "transactions",
                  .since = "2.0.0",
                  .summary = "Forgets the commands queued since MULTI.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kEnds,
                  .docs = {.complexity = "O(N)", .work = Work::kOfFewThings}},
      CommandSpec{.name = "exec",
                  .arity = 1,
                  .flags = kNoScript | kLoading | kStale | kSkipSlowlog,
                  .categories = kCatSlow | kCatTransaction,
                  .handler = exec,
                  .group = "transactions",
                  .since = "1.2.0",
                  .summary = "Executes the commands queued since MULTI, atomically.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kExecutes,
                  .docs = {.work = Work::kHoldsLoop}},
      CommandSpec{.name = "multi",
                  .arity = 1,
                  .flags = kControl,
                  .categories = kFastTransaction,
                  .handler = multi,
                  .group = "transactions",
                  .since = "1.2.0",
                  .summary = "Begins a transaction: the commands that follow are queued.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kAnswered,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "unwatch",
                  .arity = 1,
                  .flags = kControl,
                  .categories = kFastTransaction,
                  .handler = unwatch,
                  .group = "transactions",
                  .since = "2.2.0",
                  .summary = "Forgets all watched keys.",
                  .scope = Scope::kSession,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "watch",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kControl | kWatchesKeys,
                  .categories = kFastTransaction,
                  .keys = keys_from(1, kKeyRO),
                  .handler = watch,
                  .group = "transactions",
                  .since = "2.2.0",
                  .summary = "Makes the next EXEC depend on these keys not having changed.",
                  .in_multi = InMulti::kAnswered,
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

}  // namespace starling::server
