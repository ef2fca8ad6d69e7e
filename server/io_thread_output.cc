// What leaves a loop's clients, and what they hold meanwhile: IoThread's part behind the execution of commands.
#include <algorithm>
#include <array>

#include "cluster/wire/frame.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Handed to the kernel for one client before the others get their turn.
constexpr size_t kSendBytesPerTurn = 4 << 20;
constexpr size_t kSendPieces = 64;
// So much more than at the last look, and what all clients hold is looked at again.
constexpr size_t kCheckAfterBytes = 1 << 20;
// How often replies that wait for the log are asked whether their time is up.
constexpr int64_t kHeldMs = 100;

}  // namespace

void IoThread::on_writable(Client& client) {
  note_socket_full(client, false);
  output_pending(client);
}

void IoThread::note_socket_full(Client& client, bool full) {
  if (client.socket_full == full) return;
  client.socket_full = full;
  statistics_.unread_clients.add(full ? 1 : static_cast<uint64_t>(-1));
}

void IoThread::account(Client& client) {
  const size_t bytes = client.memory_bytes();
  const bool stranger = !client.authenticated, evictable = client.evictable();
  if (bytes == client.accounted_bytes && stranger == client.accounted_as_stranger &&
      evictable == client.accounted_as_evictable) [[likely]]
    return;
  forget_account(client);
  client.accounted_bytes = bytes;
  client.accounted_as_stranger = stranger;
  client.accounted_as_evictable = evictable;
  client_bytes_ += bytes;
  if (stranger) stranger_bytes_ += bytes;
  if (evictable) evictable_bytes_ += bytes;
}

void IoThread::forget_account(const Client& client) {
  client_bytes_ -= client.accounted_bytes;
  if (client.accounted_as_stranger) stranger_bytes_ -= client.accounted_bytes;
  if (client.accounted_as_evictable) evictable_bytes_ -= client.accounted_bytes;
  accounts_changed_ = true;
}

void IoThread::bound_client_memory() {
  if (!accounts_changed_) return;
  accounts_changed_ = false;
  statistics_.client_bytes.set(client_bytes_);
  statistics_.stranger_bytes.set(stranger_bytes_);
  statistics_.evictable_bytes.set(evictable_bytes_);
  // What is given back lowers the mark, so that what is taken anew is looked at.
  checked_evictable_bytes_ = std::min(checked_evictable_bytes_, evictable_bytes_);
  checked_stranger_bytes_ = std::min(checked_stranger_bytes_, stranger_bytes_);
  if (evictable_bytes_ - checked_evictable_bytes_ < kCheckAfterBytes &&
      stranger_bytes_ - checked_stranger_bytes_ < kCheckAfterBytes) {
    return;
  }
  checked_evictable_bytes_ = evictable_bytes_;
  checked_stranger_bytes_ = stranger_bytes_;
  server_.client_memory().check(*this);
}

void IoThread::send_outputs(const Client* apart) {
  sending_.swap(outputs_);
  for (Client* client : sending_) {
    if (client == apart) {
      outputs_.push_back(client);
      continue;
    }
    client->in_output_list = false;
    if (!client->closing) send(*client);
  }
  sending_.clear();
}

bool IoThread::send_to_socket(Client& client, size_t sendable, bool* blocked) {
  if (client.tls != nullptr) [[unlikely]]
    return send_sealed(client, sendable, blocked);
  size_t sent_bytes = 0;
  while (sendable > 0 && !*blocked && sent_bytes < kSendBytesPerTurn) {
    std::array<iovec, kSendPieces> pieces;
    const size_t count = client.output.gather(pieces.data(), pieces.size());
    size_t offered = 0, used = 0;
    for (; used < count && offered < sendable; ++used) {
      pieces[used].iov_len = std::min(pieces[used].iov_len, sendable - offered);
      offered += pieces[used].iov_len;
    }
    const IoResult result = client.connection().write(pieces.data(), static_cast<int>(used));
    if (result.kind == IoResult::kFailed || result.kind == IoResult::kClosed) return false;
    const size_t written = result.kind == IoResult::kOk ? result.bytes : 0;
    client.output.consume(written);
    sendable -= written;
    sent_bytes += written;
    *blocked = written < offered;
  }
  note_socket_full(client, *blocked);
  statistics_.output_bytes.add(sent_bytes);
  statistics_.writes.add(1);
  if (sent_bytes > 0) client.last_interaction_ms = now_ms_;
  client.writable_wanted = sendable > 0;
  return true;
}

bool IoThread::send_to_tunnel(Client& client, size_t sendable) {
  while (sendable > 0) {
    std::array<iovec, kSendPieces> pieces;
    const size_t count = client.output.gather(pieces.data(), pieces.size());
    size_t taken = 0;
    for (size_t i = 0; i < count && taken < sendable; ++i) {
      const size_t bytes = std::min(pieces[i].iov_len, sendable - taken);
      if (!client.tunnel->deliver({static_cast<const char*>(pieces[i].iov_base), bytes})) return false;
      taken += bytes;
    }
    client.output.consume(taken);
    sendable -= taken;
  }
  return true;
}

void IoThread::send(Client& client) {
  const size_t sendable = std::min(commit_gate_.sendable(client),
                                   static_cast<size_t>(client.held_replies.sendable_position(client.output) -
                                                       client.output.consumed_position()));
  bool blocked = client.socket_full;
  const bool reached = client.tunnel != nullptr ? send_to_tunnel(client, sendable)
                                                : send_to_socket(client, sendable, &blocked);
  if (!reached) return close(client);
  client.pending_at_send = client.output.size();
  account(client);
  if (!client.log_holds.empty() && !client.in_held_list) {
    client.in_held_list = true;
    held_.push_back(client.id());
    if (!held_timer_->active()) held_timer_->start(kHeldMs, 0);
  }
  const bool all_sent = client.output.empty() && client.held_replies.empty() &&
                        (client.tls == nullptr || client.tls->outgoing().empty());
  if (client.close_after_reply && all_sent) {
    close(client);
    return;
  }
  enforce_output_limit(client);
  // Whoever was stopped because of pending output or held requests goes on when it can.
  const bool has_requests = !client.held_requests.empty() || !client.input_exhausted;
  if (client.can_execute() && has_requests) {
    mark_ready(client);
  } else if (client.end_of_input && (client.waiting == Waiting::kForChange ||
                                     (!has_requests && client.waiting == Waiting::kNo && all_sent))) {
    close(client);
    return;
  }
  if (client.tunnel != nullptr) {
    on_tunnel_input(client);
    return;
  }
  if (client.can_execute() && client.held_requests.empty()) client.reading = !client.end_of_input;
  update_interest(client);
}

bool IoThread::outgrown(Client& client) {
  if (client.tunnel != nullptr) return client.output.size() > cluster::kLargestFrameBytes;
  if (!client.closing && client.output.size() > client.pending_at_send + kOutputTurnBytes) {
    client.pending_at_send = client.output.size();
    enforce_output_limit(client);
    // One transaction alone: nobody else would have to go.
    if (!client.closing && client.memory_bytes() > server_.client_memory().limit())
      close_for_limit(client, "replies exceed maxmemory-clients");
  }
  return client.closing;
}

void IoThread::close_for_limit(Client& client, const char* limit) {
  server_.client_log().warn(now_ms_,
                            "Closing a client whose " + std::string(limit) + ": " + client.describe(now_ms_));
  server_.clients_disconnected_by_limits.fetch_add(1, std::memory_order_relaxed);
  close(client);
}

void IoThread::enforce_output_limit(Client& client) {
  if (client.tunnel != nullptr) return;  // Bounded where its requests come from.
  const size_t sealed = client.tls != nullptr ? client.tls->outgoing().size() : 0;
  if (!client.authenticated && client.output.size() + sealed > kUnauthenticatedOutputBytes &&
      client.socket_full)
    return close_for_limit(client, "unread replies are more than one may have that has not authenticated");
  const Settings& settings = server_.settings();
  const OutputLimit& limit = client.client_class() == ClientClass::kPubSub || client.monitor
                                 ? settings.output_pubsub
                                 : settings.output_normal;
  const auto pending = static_cast<int64_t>(client.output.size() + sealed);
  const int64_t hard_bytes = limit.hard_bytes;
  const int64_t soft_bytes = limit.soft_bytes;
  bool exceeded = hard_bytes != 0 && pending > hard_bytes;
  if (soft_bytes != 0 && pending > soft_bytes) {
    if (client.over_soft_limit_since_ms == 0) client.over_soft_limit_since_ms = now_ms_;
    exceeded |= now_ms_ - client.over_soft_limit_since_ms > limit.soft_seconds * 1000;
  } else {
    client.over_soft_limit_since_ms = 0;
  }
  if (exceeded) close_for_limit(client, "output exceeds client-output-buffer-limit");
}

void IoThread::update_interest(Client& client) {
  client.connection().watch(client.reading, client.writable_wanted, client.waiting == Waiting::kForChange);
  if (client.tls != nullptr && client.reading && client.tls->has_input()) read_sealed_soon(client);
}

}  // namespace starling::server
