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

bool Dispatcher::lock(Client& client, std::span<const engine::KeyRef> keys, bool everything,
                      engine::Operation& operation) {
  const RunningScripts& scripts = server_.running_scripts();
  if (!scripts.any()) [[likely]] {
    if (everything) {
      operation.lock_all();
    } else if (keys.size() == 1) {
      operation.lock(keys.front());
    } else {
      operation.lock(keys);
    }
    return true;
  }
  const auto give_up = [&scripts] { return scripts.any_slow(); };
  if (everything ? operation.lock_all_unless(give_up) : operation.lock_unless(keys, give_up)) return true;
  io_thread_.postpone(client, Waiting::kForWrites);
  return false;
}

bool Dispatcher::start_over(Client& client, const Command& command, PreparedRequest& prepared,
                            engine::Operation& operation, uint64_t from) {
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
  if (prepared.needs->times > kMostTimes) {
    client.reply.error(
        "ERR the script touches too many keys that it does not declare and that are not in memory");
    apply_reply_mode(client, from);
    return true;
  }
  return run(client, command, prepared);
}

bool Dispatcher::in_batch(const Client& client) const {
  return std::any_of(batch_.begin(), batch_.end(),
                     [&](const BatchEntry& entry) { return entry.client == &client; });
}

void Dispatcher::answer_while_busy(Client& client, engine::Operation& operation) {
  client.parser.release();
  for (;;) {
    PreparedRequest prepared;
    const resp::RequestParser::Status status = client.parser.next(&prepared.request);
    if (status == resp::RequestParser::Status::kNeedMore) return;
    if (status == resp::RequestParser::Status::kError) {
      client.reply.error(client.parser.error());
      return io_thread_.close_after_reply(client);
    }
    const Arguments arguments = prepared.request.arguments;
    const Command* const command = resolve(client, server_.commands().find(arguments[0]), arguments);
    if (command == nullptr || refuse(client, *command)) continue;
    const bool harmless = !command->has_keys && !client.transaction.open &&
                          (command->spec->flags & kScript) == 0 && command->spec->find_secrets == nullptr;
    if (!harmless) {
      reject(client, command, kBusy);
      continue;
    }
    const uint64_t from = client.output.position();
    call(client, *command, arguments, operation, false, nullptr, &prepared.request);
    if (client.waiting != Waiting::kNo) return;
    apply_reply_mode(client, from);
    if (client.closing || client.close_after_reply) return;
  }
}

}  // namespace starling::server
