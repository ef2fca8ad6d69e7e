// What scripts need of the dispatcher: commands within commands, starting over, and answers while one keeps everybody
// waiting.
#include <algorithm>

#include "server/execute/dispatcher.h"
#include "server/execute/script/running_scripts.h"
#include "server/io_thread.h"
#include "server/metrics/cycle_clock.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Each time a key that was not in memory is brought there. One that touches more such keys than that is refused.
constexpr int kMostTimes = 10'000;
// Of those who want any stripe at all, before they wait for one.
constexpr uint16_t kStripesTried = 64;

}  // namespace

void Dispatcher::call_from_script(Client& client, const Command& command, Arguments arguments,
                                  engine::Operation& operation, resp::ReplyWriter& reply,
                                  const engine::Key* first_key) {
  if (server_.monitors().active() && (command.spec->flags & (kSkipMonitor | kAdmin)) == 0) [[unlikely]]
    server_.monitors().feed_from_script(client.database, ShownArguments(*command.spec, arguments),
                                        server_.clock().wall_us());
  const uint64_t begin = cycles_now();
  CommandContext context{
      server_, client,    *command.spec, arguments, reply, operation, operation.database(client.database),
      true,    first_key, nullptr};
  reply.set_error_observer(&io_thread_.error_observer());
  invoke(command, context, begin);
  reply.set_error_observer(nullptr);
}

// Whether a script is in the way is asked while a stripe is waited for, not before: one may begin in between.
bool Dispatcher::lock(Client& client, std::span<const engine::KeyRef> keys, bool everything,
                      engine::Operation& operation) {
  if (!everything && keys.size() == 1 && operation.try_lock_more(keys.front())) [[likely]]
    return true;
  const auto give_up = [this] { return server_.running_scripts().any_slow(); };
  if (everything ? operation.lock_all_unless(give_up) : operation.lock_unless(keys, give_up)) return true;
  io_thread_.postpone(client, Waiting::kForWrites);
  return false;
}

bool Dispatcher::lock_any(const CommandContext& context) {
  engine::Operation& operation = context.operation;
  if (operation.locked()) return true;
  engine::KeyRef any{0, engine::Key({})};
  for (any.key.partition = 0; any.key.partition < kStripesTried; ++any.key.partition) {
    if (operation.try_lock_more(any)) return true;
  }
  return lock_for(context, {&any, 1}, false);
}

bool Dispatcher::lock_everything(const CommandContext& context) {
  return context.operation.all_locked() || lock_for(context, {}, true);
}

bool Dispatcher::lock_for(const CommandContext& context, std::span<const engine::KeyRef> keys,
                          bool everything) {
  if (!context.in_exec) return lock(context.client, keys, everything, context.operation);
  const auto give_up = [this] { return server_.running_scripts().any_slow(); };
  if (everything ? context.operation.lock_all_unless(give_up) : context.operation.lock_unless(keys, give_up))
    return true;
  context.reply.error(kBusy);
  return false;
}

bool Dispatcher::start_over(Client& client, PreparedRequest& prepared, engine::Operation& operation,
                            uint64_t from) {
  client.output.truncate_to(from);
  // What was changed and taken back is in the log.
  if (operation.finish() != 0) io_thread_.commit_gate().note_change();
  std::unique_ptr<ScriptNeeds> needs = std::move(needs_);
  needs->times = prepared.needs == nullptr ? 1 : prepared.needs->times + 1;
  needs->everything |= prepared.needs != nullptr && prepared.needs->everything;
  if (prepared.needs != nullptr) {
    for (const engine::KeyRef& key : prepared.needs->keys) needs->add(key);
  }
  prepared.needs = std::move(needs);
  if (prepared.needs->times <= kMostTimes) return true;
  client.reply.error(
      "ERR the script touches too many keys that it does not declare and that are not in memory");
  apply_reply_mode(client, from);
  return false;
}

bool Dispatcher::busy() const {
  return io_thread_.cluster() == nullptr &&
         server_.running_scripts().any_busy(server_.settings().busy_reply_threshold_ms);
}

bool Dispatcher::in_batch(const Client& client) const {
  return std::any_of(batch_.begin(), batch_.end(),
                     [&](const BatchEntry& entry) { return entry.client == &client; });
}

void Dispatcher::answer_batch_while_busy(const Client& running, engine::Operation& operation) {
  for (size_t i = turn_ + 1; i < batch_.size(); ++i) {
    Client* const client = batch_[i].client;
    if (client == nullptr || client == &running) continue;
    // What waits, and what stands behind that, stays in order.
    if (!client->held_requests.empty() || !client->can_execute()) continue;
    batch_[i].client = nullptr;
    (void)answer_one_while_busy(*client, batch_[i].prepared, operation);
  }
}

void Dispatcher::answer_while_busy(Client& client, engine::Operation& operation) {
  while (!client.held_requests.empty()) {
    PreparedRequest prepared = std::move(client.held_requests.front());
    client.held_requests.erase(client.held_requests.begin());
    if (!answer_one_while_busy(client, prepared, operation)) return;
  }
  client.parser.release();
  for (;;) {
    PreparedRequest prepared;
    // An error leaves no arguments, which is answered so.
    if (client.parser.next(&prepared.request) == resp::RequestParser::Status::kNeedMore) return;
    if (!answer_one_while_busy(client, prepared, operation)) return;
  }
}

bool Dispatcher::answer_one_while_busy(Client& client, PreparedRequest& prepared,
                                       engine::Operation& operation) {
  const Arguments arguments = prepared.request.arguments;
  io_thread_.output_pending(client);
  if (arguments.empty()) {
    client.reply.error(client.parser.error());
    io_thread_.close_after_reply(client);
    return false;
  }
  const Command* const command = resolve(client, server_.commands().find(arguments[0]), arguments);
  if (command == nullptr || refuse(client, *command, arguments)) return !client.closing;
  const bool harmless = !command->has_keys && !client.transaction.open &&
                        (command->spec->flags & kScript) == 0 && command->spec->find_secrets == nullptr;
  if (!harmless) {
    reject(client, command, kBusy);
    return true;
  }
  const uint64_t from = client.output.position();
  call(client, *command, arguments, operation, false, nullptr, &prepared.request);
  if (client.waiting != Waiting::kNo) return false;
  apply_reply_mode(client, from);
  return !client.closing && !client.close_after_reply;
}

}  // namespace starling::server
