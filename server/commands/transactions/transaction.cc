// MULTI, EXEC, DISCARD, WATCH, UNWATCH. The dispatcher queues the commands between MULTI and EXEC, and has
// locked all their keys, and those watched, when EXEC's handler runs.
#include <string>
#include <utility>

#include "server/commands/transactions/handlers.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::transactions {

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
    const acl::Verdict verdict =
        dispatcher.verdict_on(client, *queued.command, queued.arguments, acl::Where::kTransaction);
    if (verdict.allowed()) [[likely]] {
      dispatcher.call(client, *queued.command, queued.arguments, context.operation, true, nullptr, nullptr);
    } else {
      context.reply.error(
          "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
          "This command is no longer allowed for the following reason: " +
          std::string(acl::reason_in_transaction(verdict.refused)));
    }
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

}  // namespace starling::server::transactions
