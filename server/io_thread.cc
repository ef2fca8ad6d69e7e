#include "server/io_thread.h"

#include <unistd.h>

#include <algorithm>

#include "engine/base/assert.h"
#include "server/cluster/cluster_thread.h"
#include "server/process/build_facts.h"
#include "server/process/log.h"
#include "server/replica_of/follower_role.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Rounds of executing and sending before the loop looks at its sockets again.
constexpr int kRoundsPerPass = 16;
constexpr int64_t kRetryMs = 3;
constexpr int64_t kTickMs = 1000;
// What a client waits for is a defect after so long, and three times its own timeout.
constexpr int64_t kWatchdogSeconds = 90;
// Clients that said nothing for so long give back their buffers.
constexpr int64_t kShrinkAfterMs = 2000;

// Of one request, as with Redis.
constexpr int64_t kMostArguments = INT32_MAX;

}  // namespace

IoThread::IoThread(Server& server, int index)
    : server_(server),
      index_(index),
      statistics_(server.commands().all().size()),
      commit_gate_(server.engine(), server.clock()),
      scripts_(server.scripts(), server.script_memory(), kRedisVersion),
      outbox_(*this),
      invalidations_(*this),
      blocked_(*this, server.waits()),
      dispatcher_(server, *this) {
  loop_.set_pass_hook([this] {
    run_pass();
    if (cluster_ != nullptr) cluster_->flush();
    // What changed behind the pass's last look.
    if (invalidations_.fresh()) [[unlikely]]
      loop_.post([] {});
  });
  retry_timer_ = std::make_unique<Timer>(loop_, [this] { retry_postponed(); });
  tick_timer_ = std::make_unique<Timer>(loop_, [this] { on_tick(); });
  tick_timer_->start(kTickMs, kTickMs);
  held_timer_ = std::make_unique<Timer>(loop_, [this] {
    // The sync that they asked for may have failed since.
    if (!held_.empty()) server_.engine().request_sync();
    recheck_held();
  });
  now_ms_ = server.clock().wall_ms();
}

IoThread::~IoThread() = default;

void IoThread::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void IoThread::run() {
  loop_.run();
}

void IoThread::stop_and_join() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void IoThread::adopt(AcceptedSocket socket) {
  const Settings& settings = server_.settings();
  // A client of the TLS port is nobody until it has shaken hands; and a refusal it would not understand before.
  const bool open_to_all = server_.users().open() && !socket.tls;
  if (settings.protected_mode && open_to_all && !socket.peer_is_loopback) {
    (void)!::write(socket.fd, kProtectedModeRefusal.data(), kProtectedModeRefusal.size());
    ::close(socket.fd);
    server_.connections_rejected.fetch_add(1, std::memory_order_relaxed);
    server_.connected_clients.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  if (!socket.unix_socket)
    set_socket_options(socket.fd, static_cast<int>(settings.tcp_keepalive_seconds.get()));
  const uint64_t id = server_.next_client_id();
  auto client = std::make_unique<Client>(*this, id, std::move(socket), server_.clock().wall_ms());
  client->become(server_.users().find(acl::kDefaultUser));
  client->authenticated = open_to_all;
  client->parser.set_limits({.max_bulk_bytes = settings.max_bulk_bytes,
                             .max_arguments = kMostArguments,
                             .authenticated = open_to_all});
  client->reply.set_error_observer(this);
  if (client->by_tls()) client->tls = server_.tls_door().admit();
  client->connection().watch(true, false);
  if (log_enabled(LogLevel::kVerbose)) log_text(LogLevel::kVerbose, "Accepted " + client->address());
  account(*client);
  clients_.emplace(id, std::move(client));
  statistics_.clients.set(clients_.size());
}

Client& IoThread::adopt_tunnel(std::unique_ptr<Tunnel> tunnel) {
  const uint64_t id = server_.next_client_id();
  AcceptedSocket none;
  none.peer_address = none.local_address = "cluster";
  auto client = std::make_unique<Client>(*this, id, std::move(none), server_.clock().wall_ms());
  client->authenticated = client->rights.asked_elsewhere = true;
  client->parser.set_limits({.max_bulk_bytes = server_.settings().max_bulk_bytes,
                             .max_arguments = kMostArguments,
                             .authenticated = true});
  client->reply.set_error_observer(this);
  client->tunnel = std::move(tunnel);
  Client& adopted = *client;
  clients_.emplace(id, std::move(client));
  server_.connected_clients.fetch_add(1, std::memory_order_relaxed);
  return adopted;
}

void IoThread::on_tunnel_input(Client& client) {
  // What came stays with the tunnel until its turn: while requests are held, or in the batch that is executed
  // (this may be called from within), the parser's memory is theirs.
  if (client.tunnel->has_input() && client.held_requests.empty() && client.can_execute()) mark_ready(client);
}

void IoThread::join_cluster(std::unique_ptr<ClusterThread> cluster) {
  cluster_ = std::move(cluster);
}

Client* IoThread::find_client(uint64_t id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

void IoThread::for_each_client(absl::FunctionRef<void(Client&)> visit) {
  for (auto& [id, client] : clients_) {
    if (!client->closing) visit(*client);
  }
}

void IoThread::close(Client& client) {
  if (client.closing) return;
  client.closing = true;
  closing_.push_back(&client);
}

void IoThread::close_after_reply(Client& client) {
  client.close_after_reply = true;
  output_pending(client);
}

void IoThread::output_pending(Client& client) {
  if (client.in_output_list) return;
  client.in_output_list = true;
  outputs_.push_back(&client);
}

void IoThread::mark_ready(Client& client) {
  if (client.in_ready_list) return;
  client.in_ready_list = true;
  ready_.push_back(&client);
}

void IoThread::resume(Client& client) {
  client.waiting = Waiting::kNo;
  mark_ready(client);
}

void IoThread::postpone(Client& client, Waiting why) {
  client.wait_for(why);
  if (!client.in_postponed_list) {
    client.in_postponed_list = true;
    postponed_.push_back(client.id());
  }
  if (!retry_timer_->active()) retry_timer_->start(kRetryMs, 0);
}

void IoThread::delay_authentication(Client& client, int64_t delay_ms) {
  client.wait_for(Waiting::kForTurn);
  server_.auth_throttle().begin_wait(client.address(), now_ms_);
  client.delay_timer = std::make_unique<Timer>(loop_, [this, id = client.id()] {
    Client* waiting = find_client(id);
    if (waiting == nullptr || waiting->closing || waiting->waiting != Waiting::kForTurn) return;
    server_.auth_throttle().end_wait(waiting->address());
    waiting->waited_to_authenticate = true;
    resume(*waiting);
  });
  client.delay_timer->start(delay_ms, 0);
}

void IoThread::retry_postponed() {
  std::vector<uint64_t> ids;
  ids.swap(postponed_);
  for (const uint64_t id : ids) {
    Client* client = find_client(id);
    if (client == nullptr) continue;
    client->in_postponed_list = false;
    const bool postponed = client->waiting == Waiting::kForPause || client->waiting == Waiting::kForWrites ||
                           client->waiting == Waiting::kForLinks;
    if (postponed) resume(*client);
  }
}

void IoThread::on_fetched(uint64_t client_id, uint64_t wait_number, const engine::Status& status) {
  Client* client = find_client(client_id);
  if (client == nullptr || client->closing || client->waiting != Waiting::kForFetch ||
      client->wait_number != wait_number) {
    return;
  }
  if (!status.ok()) {
    // The request cannot be executed, and trying again would only ask the same disk again.
    const uint64_t from = client->output.position();
    client->reply.error("ERR reading from disk failed: " + status.message());
    Dispatcher::apply_reply_mode(*client, from);
    if (client->transaction.open) client->discard_transaction(server_.watches());
    STARLING_ASSERT(!client->held_requests.empty());
    client->held_requests.erase(client->held_requests.begin());
    blocked_.end(*client);
    output_pending(*client);
  }
  resume(*client);
}

void IoThread::on_durable() {
  if (cluster_ != nullptr) cluster_->on_durable();
  recheck_held();
}

void IoThread::recheck_held(const Client* apart) {
  std::vector<uint64_t> ids;
  ids.swap(held_);
  for (const uint64_t id : ids) {
    Client* client = find_client(id);
    if (client == nullptr) continue;
    if (client == apart) {
      held_.push_back(id);
      continue;
    }
    client->in_held_list = false;
    commit_gate_.give_up(*client);
    output_pending(*client);
  }
}

int64_t IoThread::log_patience_ms(const Client& client) const {
  return cluster_ != nullptr ? cluster_->quorum_of(client).timeout_ms : CommitGate::kPatienceMs;
}

void IoThread::on_error(std::string_view text) {
  ++errors_written_;
  server_.errors().count(text);
}

void IoThread::on_readable(Client& client) {
  if (!client.held_requests.empty() || !client.can_execute()) {
    // What was read could not be executed, and reading would overwrite what waits.
    client.reading = false;
    update_interest(client);
    return;
  }
  // What was read has its turn first: else requests would pile up that come faster than they are executed.
  if (client.in_ready_list && !client.input_exhausted) return;
  const std::span<char> room = client.parser.prepare();
  const IoResult result = receive(client, room);
  switch (result.kind) {
    case IoResult::kOk:
      break;
    case IoResult::kWouldBlock:
      return;
    case IoResult::kClosed:
      // It may have said all it had to say and still wait for answers.
      client.end_of_input = true;
      client.reading = false;
      output_pending(client);
      return;
    case IoResult::kFailed:
      close(client);
      return;
  }
  if (begins_as_tls({room.data(), result.bytes}) && client.last_command == nullptr &&
      client.parser.buffered() == 0) [[unlikely]]
    return refuse_tls(client);
  client.input_exhausted = false;
  client.parser.commit(result.bytes);
  statistics_.input_bytes.add(result.bytes);
  statistics_.reads.add(1);
  account(client);
  if (static_cast<int64_t>(client.parser.memory_bytes() + client.transaction.bytes) >
          server_.settings().query_buffer_bytes.get() &&
      !FollowerRole::of_process().is_leader(client.id())) {
    close_for_limit(client, "requests exceed client-query-buffer-limit");
    return;
  }
  mark_ready(client);
}

void IoThread::run_pass() {
  if (ready_.empty() && outputs_.empty() && closing_.empty() && outbox_.empty() && !commit_gate_.pending() &&
      !blocked_.any_woken() && !invalidations_.pending())
    return bound_client_memory();
  if (cluster_ != nullptr) cluster_->begin_pass();
  statistics_.passes.add(1);
  commit_gate_.begin_pass();
  for (int round = 0; round < kRoundsPerPass; ++round) {
    now_ms_ = server_.clock().wall_ms();
    run_ready();
    if (!outbox_.empty()) outbox_.deliver();
    if (invalidations_.pending()) [[unlikely]]
      invalidations_.deliver();
    commit();
    send_outputs();
    destroy_closing();
    bound_client_memory();
    if (ready_.empty() && outputs_.empty() && !blocked_.any_woken()) return;
    if (server_.client_memory().shedding()) [[unlikely]]
      break;
  }
  // More is left: come back after a look at the sockets.
  loop_.post([] {});
}

void IoThread::commit(Client* apart) {
  const int64_t threshold_ms = server_.settings().latency_threshold_ms;
  const int64_t begin_us = threshold_ms == 0 ? 0 : server_.clock().monotonic_us();
  if (cluster_ != nullptr) cluster_->end_round();
  const engine::Status status = commit_gate_.settle(apart);
  if (cluster_ != nullptr) cluster_->on_committed(status);
  if (threshold_ms == 0) return;
  server_.latency().add(LatencyEvent::kCommit, now_ms_ / 1000,
                        (server_.clock().monotonic_us() - begin_us) / 1000, threshold_ms);
}

void IoThread::run_ready() {
  if (blocked_.any_woken()) dispatcher_.serve_woken();
  // What becomes ready meanwhile has its turn after a commit.
  executing_.swap(ready_);
  for (size_t next = 0; next < executing_.size();) {
    for (; next < executing_.size() && !dispatcher_.full(); ++next) {
      Client& client = *executing_[next];
      client.in_ready_list = false;
      if (!client.can_execute()) continue;
      client.last_interaction_ms = now_ms_;
      if (client.tunnel != nullptr && client.held_requests.empty()) client.tunnel->feed(client);
      client.input_exhausted = !dispatcher_.gather(client);
      if (!client.input_exhausted) mark_ready(client);
      if (client.end_of_input) output_pending(client);
    }
    dispatcher_.execute_batch();
  }
  executing_.clear();
}

void IoThread::destroy_closing() {
  while (!closing_.empty()) {
    Client* client = closing_.back();
    closing_.pop_back();
    if (client->tunnel == nullptr && log_enabled(LogLevel::kVerbose))
      log_text(LogLevel::kVerbose, "Closed " + client->address());
    if (client->tls != nullptr) say_goodbye(*client);
    server_.on_client_closed(*client);
    if (cluster_ != nullptr) cluster_->on_client_closed(*client);
    blocked_.end(*client);
    if (client->in_ready_list) std::erase(ready_, client);
    if (client->in_output_list) std::erase(outputs_, client);
    note_socket_full(*client, false);
    forget_account(*client);
    if (client->waiting == Waiting::kForTurn) server_.auth_throttle().end_wait(client->address());
    clients_.erase(client->id());
  }
  statistics_.clients.set(clients_.size());
}

void IoThread::on_tick() {
  now_ms_ = server_.clock().wall_ms();
  const int64_t timeout_ms = server_.settings().timeout_seconds * 1000;
  size_t largest_input = 0, largest_output = 0, suspended = 0;
  for (auto& [id, client] : clients_) {
    if (!client->closing) check_idle(*client, timeout_ms);
    if (!client->closing) watch_waits(*client);
    if (client->tls != nullptr && client->tls->handshaking() && !client->closing) watch_handshake(*client);
    const size_t input = client->parser.memory_bytes() + client->transaction.bytes;
    largest_input = std::max(largest_input, input);
    largest_output = std::max(largest_output, client->output.size());
    suspended += client->blocked() ? 1 : 0;
    account(*client);
  }
  bound_client_memory();
  server_.client_memory().check(*this);
  statistics_.largest_input_bytes.set(largest_input);
  statistics_.largest_output_bytes.set(largest_output);
  statistics_.suspended_clients.set(suspended);
  if (index_ == 0) server_.pulse().beat(server_);
}

// Every wait has an end of its own: what is older than that would never be answered.
void IoThread::watch_waits(Client& client) {
  uint64_t waits_for = 0;
  if (!client.held_replies.empty()) {
    waits_for = client.held_replies.first_id() << 2 | 1;
  } else if (!client.log_holds.empty()) {
    waits_for = client.log_holds.front().from << 2 | 2;
  } else if (client.waiting == Waiting::kForNodes || client.waiting == Waiting::kForLinks) {
    waits_for = client.wait_number << 2 | 3;
  }
  if (!client.watchdog.tick(waits_for, kWatchdogSeconds + 3 * log_patience_ms(client) / 1000)) return;
  log_text(LogLevel::kWarning, "A reply is older than any may get, which is a defect: please report it. " +
                                   client.describe(now_ms_));
#ifndef NDEBUG
  STARLING_ASSERT(!"a reply is older than any may get");
#endif
}

void IoThread::check_idle(Client& client, int64_t timeout_ms) {
  const int64_t idle_ms = now_ms_ - client.last_interaction_ms;
  const bool exempt = client.waiting != Waiting::kNo || client.subscriptions.total() != 0 || client.monitor ||
                      FollowerRole::of_process().is_leader(client.id());
  if (timeout_ms > 0 && idle_ms > timeout_ms && !exempt) {
    log_text(LogLevel::kVerbose, "Closing idle client " + client.address());
    close(client);
    return;
  }
  if (client.over_soft_limit_since_ms != 0) enforce_output_limit(client);
  client.parser.set_limits({.max_bulk_bytes = server_.settings().max_bulk_bytes,
                            .max_arguments = kMostArguments,
                            .authenticated = client.authenticated});
  if (idle_ms > kShrinkAfterMs && client.waiting == Waiting::kNo && client.held_requests.empty()) {
    client.parser.shrink();
    if (client.output.empty()) client.output.shrink();
  }
}

}  // namespace starling::server
