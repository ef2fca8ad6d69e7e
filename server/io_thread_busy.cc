// What a loop does for its other clients while a script keeps it: it sends what they are owed, tells them so, and
// listens to whoever wants the script ended. Their sockets are asked directly: the loop itself is in the middle of a
// pass.
#include <poll.h>

#include <algorithm>

#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Looked at in one go; the others have the next one, in whatever order.
constexpr size_t kMostClients = 1024;

}  // namespace

void IoThread::serve_while_busy(Client& running, engine::Operation& operation) {
  if (index_ == 0) server_.accept_while_busy();
  dispatcher_.answer_batch_while_busy(running, operation);
  std::vector<Client*> listening;
  for (auto& [id, client] : clients_) {
    if (!may_answer_while_busy(running, *client)) continue;
    if (client->waiting == Waiting::kForWrites) client->waiting = Waiting::kNo;
    if (client->in_ready_list || !client->held_requests.empty())
      dispatcher_.answer_while_busy(*client, operation);
    if (client->can_execute()) listening.push_back(client.get());
  }
  // What they asked for before the script began was executed, and is owed to them.
  commit(&running);
  recheck_held(&running);
  send_outputs(&running);
  // Whoever leaves its replies unread is not read from either.
  std::erase_if(listening, [](const Client* client) {
    return client->closing || client->end_of_input || !client->output.empty() || !client->can_execute();
  });
  if (listening.size() > kMostClients) listening.resize(kMostClients);
  std::vector<pollfd> sockets;
  for (Client* client : listening) sockets.push_back({client->connection().fd(), POLLIN, 0});
  if (::poll(sockets.data(), sockets.size(), 0) < 0) return;
  for (size_t i = 0; i < sockets.size(); ++i) {
    const bool read_already = listening[i]->tls != nullptr && listening[i]->tls->has_input();
    if (sockets[i].revents != 0 || read_already) read_while_busy(*listening[i], operation);
  }
  send_outputs(&running);
}

// Whose turn it would be. What waits for anything but the script stays in order.
bool IoThread::may_answer_while_busy(const Client& running, const Client& client) const {
  const bool in_turn = &client != &running && client.tunnel == nullptr && !client.closing &&
                       client.blocked_command == nullptr && !dispatcher_.in_batch(client);
  return in_turn && (client.waiting == Waiting::kForWrites || client.can_execute());
}

void IoThread::read_while_busy(Client& client, engine::Operation& operation) {
  const std::span<char> room = client.parser.prepare();
  const IoResult result = receive(client, room);
  if (result.kind == IoResult::kFailed && client.tls != nullptr) return close(client);
  // Whoever has gone is found out later.
  if (result.kind != IoResult::kOk) return;
  client.parser.commit(result.bytes);
  // A handshake that is done just now may have found that the client is not served.
  if (!client.can_execute()) return;
  dispatcher_.answer_while_busy(client, operation);
}

}  // namespace starling::server
