#include "server/execute/blocked_clients.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_join.h"
#include "engine/base/assert.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// The longest time that a clock still holds together with now.
constexpr int64_t kForEverMs = int64_t{1} << 50;

int64_t waited_us(const Client& client) {
  return client.tunnel != nullptr ? client.tunnel->waited_us() : 0;
}

}  // namespace

int64_t BlockedClients::now_us() const {
  return io_thread_.server().clock().monotonic_us();
}

bool BlockedClients::out_of_time(const BlockedCommand& blocked) const {
  return blocked.deadline_us != 0 && now_us() >= blocked.deadline_us;
}

bool BlockedClients::is_turn(const CommandContext& context, const engine::Key& key, engine::Type type,
                             uint64_t count) {
  if (context.in_exec || table_.size() == 0) return true;
  const Client& client = context.client;
  const int64_t since_us =
      client.blocked_command != nullptr ? client.blocked_command->since_us : now_us() - waited_us(client);
  return !table_.has_ahead(context.database.index(), key.name, type, {since_us, client.id()}, count);
}

std::span<const std::string> BlockedClients::last_arguments(const Client& client) const {
  if (client.blocked_command == nullptr) return {};
  return client.blocked_command->last_arguments;
}

bool BlockedClients::has_waited(const Client& client) const {
  return client.blocked_command != nullptr || waited_us(client) != 0;
}

BlockedCommand& BlockedClients::begin(Client& client, int64_t timeout_ms, int64_t waited_us) {
  if (client.blocked_command == nullptr) {
    client.blocked_command = std::make_unique<BlockedCommand>();
    BlockedCommand& begun = *client.blocked_command;
    begun.number = ++last_number_;
    begun.since_us = now_us() - waited_us;
    if (timeout_ms != 0 && timeout_ms < kForEverMs) begun.deadline_us = begun.since_us + timeout_ms * 1000;
  }
  return *client.blocked_command;
}

bool BlockedClients::wait(const CommandContext& context, engine::Type type, std::span<const size_t> positions,
                          int64_t timeout_ms, std::vector<std::string> last_arguments) {
  if (context.in_exec) return false;
  Client& client = context.client;
  BlockedCommand& blocked = begin(client, timeout_ms, waited_us(client));
  if (blocked.last_arguments.empty()) blocked.last_arguments = std::move(last_arguments);
  const int64_t now = now_us();
  int64_t until_us = blocked.deadline_us == 0 ? INT64_MAX : blocked.deadline_us;
  if (const ClusterThread* cluster = io_thread_.cluster(); cluster != nullptr) {
    // What it is answered must have come back in time.
    until_us =
        std::min(until_us, client.tunnel == nullptr
                               ? now + kWaitStretchUs
                               : client.tunnel->deadline_us() - cluster->quorum_of(client).timeout_ms * 1000);
  }
  if (until_us <= now) return false;
  if (blocked.waiter == nullptr) {
    blocked.waiter = std::make_shared<Waiter>();
    Waiter& waiter = *blocked.waiter;
    waiter.since_us = blocked.since_us;
    waiter.client_id = client.id();
    waiter.type = type;
    absl::flat_hash_set<std::string_view> seen;
    for (const size_t position : positions) {
      const std::string_view key = context.argument(position);
      if (!seen.insert(key).second) continue;
      waiter.keys.emplace_back(context.database.index(), key);
      client.waiting_bytes += sizeof(waiter.keys[0]) + key.size();
    }
    waiter.wake = [this, id = client.id(), number = blocked.number] { wake(id, number); };
    table_.join(blocked.waiter);
  } else {
    table_.rest(*blocked.waiter);
  }
  client.wait_for(Waiting::kForChange);
  if (blocked.asked_end) until_us = now;
  if (until_us != INT64_MAX) set_timer(client, until_us);
  return true;
}

void BlockedClients::set_timer(Client& client, int64_t until_us) {
  BlockedCommand& blocked = *client.blocked_command;
  if (blocked.timer == nullptr) {
    blocked.timer = std::make_unique<Timer>(
        io_thread_.loop(), [this, id = client.id(), number = blocked.number] { on_timer(id, number); });
  }
  blocked.timer->start((std::max<int64_t>(until_us - now_us(), 0) + 999) / 1000, 0);
}

Client* BlockedClients::waiting(uint64_t client_id, uint64_t number) {
  Client* client = io_thread_.find_client(client_id);
  const bool waits = client != nullptr && !client->closing && client->waiting == Waiting::kForChange &&
                     client->blocked_command->number == number;
  return waits ? client : nullptr;
}

void BlockedClients::on_timer(uint64_t client_id, uint64_t number) {
  Client* client = waiting(client_id, number);
  if (client == nullptr) return;  // It runs again, and looks at the clock itself.
  const BlockedCommand& blocked = *client->blocked_command;
  if (blocked.asked_end) return answer_nothing(*client, *blocked.asked_end);
  if (out_of_time(blocked) || client->tunnel != nullptr) return answer_nothing(*client, WaitEnd::kTimeOut);
  start_over(*client);
}

void BlockedClients::wake(uint64_t client_id, uint64_t number) {
  if (io_thread_.loop().in_loop_thread()) {
    woken_.emplace_back(client_id, number);
  } else {
    io_thread_.loop().post([this, client_id, number] { woken_.emplace_back(client_id, number); });
  }
}

Client* BlockedClients::next_woken() {
  while (next_ < woken_.size()) {
    const auto [client_id, number] = woken_[next_++];
    Client* client = waiting(client_id, number);
    if (client == nullptr || client->blocked_command->forward != 0) continue;
    if (client->tunnel != nullptr && client->tunnel->link_lost()) {
      answer_nothing(*client, WaitEnd::kTimeOut);
      continue;
    }
    start_over(*client);
    // When its answers wait for room it has its turn once there is some, as with any request that it holds.
    if (client->can_execute()) return client;
  }
  woken_.clear();
  next_ = 0;
  return nullptr;
}

void BlockedClients::start_over(Client& client) {
  STARLING_ASSERT(!client.held_requests.empty());
  PreparedRequest& request = client.held_requests.front();
  // What other replicas said before is old.
  request.read.reset();
  request.decided_by_us = 0;
  io_thread_.resume(client);
}

void BlockedClients::start_all_over() {
  io_thread_.for_each_client([this](Client& client) {
    if (client.waiting != Waiting::kForChange || client.blocked_command->forward != 0) return;
    if (client.tunnel != nullptr) {
      answer_nothing(client, WaitEnd::kTimeOut);
    } else {
      start_over(client);
    }
  });
}

void BlockedClients::wait_elsewhere(Client& client, uint64_t forward) {
  BlockedCommand& blocked = *client.blocked_command;
  if (blocked.waiter != nullptr) table_.leave(*blocked.waiter);
  blocked.waiter.reset();
  client.waiting_bytes = 0;
  blocked.timer.reset();
  blocked.forward = forward;
  client.wait_for(Waiting::kForChange);
}

void BlockedClients::end(Client& client) {
  if (client.blocked_command == nullptr) return;
  if (client.blocked_command->waiter != nullptr) table_.leave(*client.blocked_command->waiter);
  client.blocked_command.reset();
  client.waiting_bytes = 0;
}

void BlockedClients::reply_nothing(Client& client, WaitEnd how) {
  const std::unique_ptr<BlockedCommand>& blocked = client.blocked_command;
  if (client.tunnel != nullptr && blocked != nullptr && !blocked->last_arguments.empty()) {
    return client.reply.raw(std::string(kStillWaiting) + absl::StrJoin(blocked->last_arguments, " ") +
                            "\r\n");
  }
  if (how == WaitEnd::kTimeOut) return client.reply.null_array();
  client.reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
}

void BlockedClients::answer_nothing(Client& client, WaitEnd how) {
  const uint64_t from = client.output.position();
  reply_nothing(client, how);
  drop_request(client, from);
}

void BlockedClients::answer(Client& client, std::string_view reply) {
  const uint64_t from = client.output.position();
  client.reply.raw(reply);
  drop_request(client, from);
}

// Its reply, from there on, is written.
void BlockedClients::drop_request(Client& client, uint64_t from) {
  STARLING_ASSERT(client.waiting == Waiting::kForChange && !client.held_requests.empty());
  Dispatcher::apply_reply_mode(client, from);
  client.held_requests.erase(client.held_requests.begin());
  end(client);
  io_thread_.output_pending(client);
  io_thread_.resume(client);
}

bool BlockedClients::unblock(Client& client, WaitEnd how) {
  if (client.blocked_command == nullptr) return false;
  if (client.waiting != Waiting::kForChange ||
      (client.blocked_command->forward != 0 && !io_thread_.cluster()->abandon_wait(client))) {
    client.blocked_command->asked_end = how;
  } else {
    answer_nothing(client, how);
  }
  return true;
}

}  // namespace starling::server
