// Commands that wait for keys which other nodes coordinate: ClusterThread's part between its clients that are blocked
// and the tunnels where their commands wait.
//
// The command waits at the coordinator, a stretch at a time: when nothing came by its end, or the coordinator is lost,
// it starts over here, which finds out anew where it waits. What it has waited goes with it, so its turn does too. One
// whose link broke is asked for again for a moment, as any write is (operation_table.h): what it may have been given is
// not lost with the link, only with the node.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/forward_frame.h"
#include "server/execute/block_timeout.h"
#include "server/execute/blocked_clients.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"

namespace starling::server {
namespace {

bool is_nothing(std::string_view reply) {
  return reply.starts_with(kStillWaiting) || reply.starts_with("*-1") || reply.starts_with("_") ||
         reply.starts_with("$-1");
}

std::vector<std::string> words_in(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace

Admission ClusterThread::forward_wait(Client& client, const Command& command, cluster::NodeIndex target,
                                      Arguments arguments, std::span<const engine::KeyRef> keys) {
  int64_t timeout_ms = 0;
  if (!block_timeout_of(*command.spec, arguments, &timeout_ms).empty()) {
    // Its handler says so there.
    forward(client, target, arguments, keys, true);
    return Admission::kAnswered;
  }
  BlockedClients& blocked = io_thread_.blocked();
  const bool again = blocked.has_waited(client);
  const BlockedCommand& command_state = blocked.begin(client, timeout_ms, 0);
  if (command_state.asked_end) {
    // It came while there was nowhere to wait.
    BlockedClients::reply_nothing(client, *command_state.asked_end);
    blocked.end(client);
    return Admission::kAnswered;
  }
  const int64_t now = now_us();
  int64_t stretch_us = kWaitStretchUs;
  if (command_state.deadline_us != 0)
    stretch_us = std::clamp<int64_t>(command_state.deadline_us - now, 1, kWaitStretchUs);
  ForwardPrefix prefix = prefix_of(client);
  prefix.waited_us = again ? std::max<int64_t>(now - command_state.since_us, 1) : 0;
  Forward forward = new_forward(client, target, true);
  forward.waits = true;
  forward.retry = Retry::kSameNode;
  forward.deadline_us += stretch_us;
  for (const engine::KeyRef& key : keys) forward.partitions.push_back(key.key.partition);
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  const std::vector<std::string>& last = command_state.last_arguments;
  if (last.size() < words.size())
    std::copy(last.begin(), last.end(), words.end() - static_cast<std::ptrdiff_t>(last.size()));
  forward.requests = encode_forwarded(prefix, words);
  const uint64_t correlation = send_forward(client, std::move(forward));
  if (correlation == 0) {
    return refuse_unless_connecting(
        client, "NOQUORUM the node that coordinates this key cannot be reached; nothing was done");
  }
  blocked.wait_elsewhere(client, correlation);
  return Admission::kWaits;
}

void ClusterThread::finish_wait(uint64_t correlation, const Forward& forward, std::string_view reply,
                                bool lost) {
  Client* client = io_thread_.find_client(forward.client_id);
  if (client == nullptr || client->closing || client->blocked_command == nullptr ||
      client->blocked_command->forward != correlation) {
    return;
  }
  BlockedCommand& command = *client->blocked_command;
  BlockedClients& blocked = io_thread_.blocked();
  command.forward = 0;
  if (reply.starts_with(kStillWaiting)) {
    command.last_arguments =
        words_in(reply.substr(kStillWaiting.size(), reply.find('\r') - kStillWaiting.size()));
  }
  const bool nothing = lost || is_nothing(reply);
  if (!nothing) return blocked.answer(*client, reply);
  if (command.asked_end) return blocked.answer_nothing(*client, *command.asked_end);
  if (blocked.out_of_time(command)) return blocked.answer_nothing(*client, WaitEnd::kTimeOut);
  blocked.start_over(*client);
}

bool ClusterThread::abandon_wait(Client& client) {
  // The goodbye ends all that the client has there: what it asked for besides, and what it watches.
  if (!client.forwarded.empty() || client.remote_watch) return false;
  const uint64_t correlation = std::exchange(client.blocked_command->forward, 0);
  Forward forward;
  if (!forwards_.take(correlation, &forward)) return true;
  if (forward.parked) --client.parked_forwards;
  if (client.resent_forward == correlation) client.resent_forward = 0;
  ForwardFrame goodbye;
  goodbye.origin = client.id();
  const std::string payload = encode_forward(goodbye);
  if (forward.node == node_.id()) {
    tunnels_.on_forward(kOwnLink, 0, payload, 0, std::nullopt);
  } else {
    (void)links_.send(forward.node, cluster::FrameKind::kForward, 0, payload, order_of(forward.client_id));
  }
  return true;
}

}  // namespace starling::server
