#include "server/session/client.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "server/execute/blocked_clients.h"
#include "server/io_thread.h"
#include "server/replica_of/follower_role.h"

namespace starling::server {

Client::Client(IoThread& io_thread, uint64_t id, AcceptedSocket socket, int64_t now_ms)
    : created_ms(now_ms),
      last_interaction_ms(now_ms),
      io_thread_(io_thread),
      id_(id),
      socket_(std::move(socket)) {
  if (socket_.fd >= 0) connection_.emplace(io_thread.loop(), socket_.fd, *this);
}

Client::~Client() = default;

void Client::on_events(int events) {
  if (closing) return;
  // Whoever breaks a handshake off may have said why.
  if ((events & kBroken) != 0 && tls != nullptr && tls->handshaking()) io_thread_.on_readable(*this);
  // Nobody is left to be given what the command waits for.
  if ((events & kBroken) != 0 || ((events & kHungUp) != 0 && waiting == Waiting::kForChange))
    return io_thread_.close(*this);
  if ((events & kWritable) != 0) io_thread_.on_writable(*this);
  if ((events & kReadable) != 0) io_thread_.on_readable(*this);
}

void Client::wait_for(Waiting what) {
  STARLING_ASSERT(waiting == Waiting::kNo && what != Waiting::kNo);
  waiting = what;
  ++wait_number;
}

bool Client::can_execute() const {
  return waiting == Waiting::kNo && !closing && !close_after_reply && held_replies.size() < kMaxHeldReplies &&
         (tunnel == nullptr || !tunnel->blocked()) &&
         output.size() <= pending_at_send + (authenticated ? kOutputTurnBytes : kUnauthenticatedOutputBytes);
}

size_t Client::memory_bytes() const {
  return sizeof(Client) + parser.memory_bytes() + output.memory_bytes() + transaction.bytes + watched_bytes +
         subscriptions.bytes + waiting_bytes + (tracking != nullptr ? tracking->memory_bytes() : 0) +
         (tls != nullptr ? tls->memory_bytes() : 0);
}

void Client::discard_transaction(WatchTable& watches) {
  transaction = {};
  unwatch_all(watches);
}

void Client::unwatch_all(WatchTable& watches) {
  for (const WatchedKey& key : watched) watches.unwatch(key.database, key.key, watch_state.get());
  watched.clear();
  watched_bytes = 0;
  watch_state.reset();
  remote_watch.reset();
}

bool Client::watches_key(int watched_database, std::string_view key) const {
  return std::any_of(watched.begin(), watched.end(), [&](const WatchedKey& candidate) {
    return candidate.database == watched_database && candidate.key == key;
  });
}

std::string Client::flag_letters() const {
  std::string letters;
  if (FollowerRole::of_process().is_leader(id_)) letters += 'M';
  if (monitor) letters += 'O';
  if (subscriptions.total() != 0) letters += 'P';
  if (transaction.open) letters += 'x';
  if (blocked()) letters += 'b';
  if (tracking != nullptr) letters += 't';
  if (tracking != nullptr && tracking->redirect_broken) letters += 'R';
  if (tracking != nullptr && tracking->options.broadcast) letters += 'B';
  if (watch_state != nullptr && watch_state->dirty) letters += 'd';
  if (close_after_reply) letters += 'c';
  if (closing) letters += 'A';
  if (socket_.unix_socket) letters += 'U';
  if (no_evict) letters += 'e';
  if (no_touch) letters += 'T';
  return letters.empty() ? std::string(1, 'N') : letters;
}

int64_t Client::redirection() const {
  return tracking != nullptr ? static_cast<int64_t>(tracking->options.redirect) : -1;
}

std::string Client::describe(int64_t now_ms) const {
  std::string line;
  auto add = [&line](std::string_view field, const auto& value) {
    if (!line.empty()) line += ' ';
    line += field;
    line += '=';
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
      line += std::to_string(value);
    } else {
      line += value;
    }
  };
  add("id", id_);
  add("addr", socket_.peer_address);
  add("laddr", socket_.local_address);
  add("fd", socket_.fd);
  add("name", name);
  add("age", std::max<int64_t>(0, now_ms - created_ms) / 1000);
  add("idle", std::max<int64_t>(0, now_ms - last_interaction_ms) / 1000);
  add("flags", flag_letters());
  add("db", database);
  add("sub", subscriptions.channels);
  add("psub", subscriptions.patterns);
  add("ssub", subscriptions.shard_channels);
  add("multi", transaction.open ? static_cast<int64_t>(transaction.queue.size()) : int64_t{-1});
  add("qbuf", parser.buffered());
  add("qbuf-free", std::max(parser.memory_bytes(), parser.buffered()) - parser.buffered());
  add("argv-mem", 0);
  add("multi-mem", transaction.bytes);
  add("rbs", output.memory_bytes());
  add("rbp", output.memory_bytes());
  add("obl", 0);
  add("oll", 0);
  add("omem", output.size());
  add("tot-mem", memory_bytes());
  add("events", reading ? (writable_wanted ? "rw" : "r") : (writable_wanted ? "w" : ""));
  add("cmd", last_command != nullptr ? last_command->full_name : "NULL");
  add("user", user_name());
  add("redir", redirection());
  add("resp", reply.protocol());
  add("lib-name", library_name);
  add("lib-ver", library_version);
  return line;
}

}  // namespace starling::server
