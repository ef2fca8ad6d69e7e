// What a loop does for its other clients while a script keeps it: nothing but telling them so, and listening to whoever
// wants the script ended. Their sockets are asked directly: the loop itself is in the middle of a pass.
#include <poll.h>

#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Looked at in one go; the others have the next one, in whatever order.
constexpr size_t kMostClients = 1024;

}  // namespace

void IoThread::serve_while_busy(const Client& running, engine::Operation& operation) {
  if (index_ == 0) server_.accept_while_busy();
  std::vector<Client*> listening;
  std::vector<pollfd> sockets;
  for (auto& [id, client] : clients_) {
    // What was read and waits for its turn, or for anything else, stays in order.
    const bool idle = client.get() != &running && !client->closing && client->tunnel == nullptr &&
                      client->can_execute() && client->held_requests.empty() && client->output.empty() &&
                      client->input_exhausted && !client->in_ready_list && !dispatcher_.in_batch(*client);
    if (!idle || listening.size() == kMostClients) continue;
    listening.push_back(client.get());
    sockets.push_back({client->connection().fd(), POLLIN, 0});
  }
  if (::poll(sockets.data(), sockets.size(), 0) <= 0) return;
  for (size_t i = 0; i < sockets.size(); ++i) {
    if (sockets[i].revents != 0) answer_while_busy(*listening[i], operation);
  }
}

void IoThread::answer_while_busy(Client& client, engine::Operation& operation) {
  const std::span<char> room = client.parser.prepare();
  const IoResult result = client.connection().read(room.data(), room.size());
  // Whoever has gone is found out later.
  if (result.kind != IoResult::kOk) return;
  client.parser.commit(result.bytes);
  dispatcher_.answer_while_busy(client, operation);
  // What the socket does not take leaves after the script.
  bool blocked = false;
  if (!client.output.empty()) (void)send_to_socket(client, client.output.size(), &blocked);
  output_pending(client);
}

}  // namespace starling::server
