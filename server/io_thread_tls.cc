// A loop's part about clients that came by the TLS port: between the socket, which moves sealed bytes, and the
// client, whose bytes in and out are plain. What bounds a plain client bounds them; a handshake has a bound of its own.
//
// A socket that is empty says nothing about what was read from it and is not used yet. So whoever has such input
// (TlsStream::has_input) is read again in the next pass, as a socket with bytes left would have it.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Read from a socket in one go, and at most for one client and pass.
constexpr size_t kSealedReadBytes = 64 << 10;
constexpr size_t kMostReadBytes = 1 << 20;
// A record with what is around it: to ask for less would only find half of one.
constexpr size_t kLeastReadBytes = (16 << 10) + 512;
// Room that is not worth another read.
constexpr size_t kLittleRoomBytes = 4 << 10;
// A record's; small replies are put together to one.
constexpr size_t kRecordBytes = 16 << 10;
// Sealed before the socket is asked whether it takes it.
constexpr size_t kSealedAheadBytes = 64 << 10;
// What is sealed for a client is never more than that, but if it makes TLS itself answer (new keys, over and over)
// and reads nothing.
constexpr size_t kMostSealedBytes = 256 << 10;
constexpr size_t kSealedPieces = 64;
// A handshake that is not done by then is none. Ticks of the loop, so that what kept the loop does not count.
constexpr int kHandshakeTicks = 6;
// Of whoever is at the wrong port: readable in its own language.
constexpr std::string_view kSpeaksTls = "-ERR this port speaks TLS, and only TLS\r\n";
constexpr std::string_view kSpeaksNoTls = "-ERR this port does not speak TLS\r\n";

void tell_stranger(int fd, std::string_view what) {
  (void)!::send(fd, what.data(), what.size(), MSG_NOSIGNAL);
}

}  // namespace

IoResult IoThread::receive(Client& client, std::span<char> room) {
  if (client.tls != nullptr) [[unlikely]]
    return receive_sealed(client, room);
  return client.connection().read(room.data(), room.size());
}

void IoThread::refuse_tls(Client& client) {
  // What comes out of a TLS connection may begin in any way.
  server_.client_log().warn(
      now_ms_, client.tls != nullptr ? "TLS within TLS from " + client.address() + ": closed."
                                     : "TLS on the port without it, from " + client.address() + ": closed.");
  if (client.tls == nullptr) tell_stranger(client.connection().fd(), kSpeaksNoTls);
  close(client);
}

bool IoThread::accept_sealed(Client& client, std::string_view first) {
  if (begins_as_tls(first)) return true;
  server_.client_log().warn(now_ms_,
                            "Bytes without TLS on the TLS port, from " + client.address() + ": closed.");
  tell_stranger(client.connection().fd(), kSpeaksTls);
  return false;
}

IoResult IoThread::receive_sealed(Client& client, std::span<char> room) {
  TlsStream& stream = *client.tls;
  if (sealed_ == nullptr) sealed_ = std::make_unique<char[]>(kSealedReadBytes);
  if (stream.state() == TlsStream::State::kEnded) return {IoResult::kClosed};
  const bool began_in_handshake = stream.handshaking();
  room = room.first(std::min(room.size(), kMostReadBytes));
  size_t filled = 0;
  for (bool more = true; more && filled < room.size();) {
    std::span<const char> sealed;
    if (!stream.has_input()) {
      // Hardly more than there is room for, so that little is left over.
      const size_t wanted = std::clamp(room.size() - filled, kLeastReadBytes, kSealedReadBytes);
      const IoResult result = client.connection().read(sealed_.get(), wanted);
      if (result.kind != IoResult::kOk) {
        if (filled > 0) break;
        if (result.kind != IoResult::kWouldBlock && stream.handshaking() && !stream.untouched())
          on_handshake_failed(client, "the peer has closed the connection");
        return result;
      }
      if (stream.untouched() && !accept_sealed(client, {sealed_.get(), result.bytes}))
        return {IoResult::kFailed};
      sealed = {sealed_.get(), result.bytes};
      more = result.bytes == wanted;  // Then there may be more.
    }
    filled += stream.read(sealed, room.subspan(filled));
    more = more && room.size() - filled >= kLittleRoomBytes;
    if (stream.state() == TlsStream::State::kEnded) break;
    if (stream.state() == TlsStream::State::kFailed) {
      if (began_in_handshake) {
        on_handshake_failed(client, stream.failure());
      } else {
        server_.client_log().warn(
            now_ms_, "The TLS connection of " + client.address() + " has failed: " + stream.failure() + ".");
      }
      return {IoResult::kFailed};
    }
  }
  if (began_in_handshake && stream.open()) on_handshake_done(client);
  if (stream.outgoing().size() > kMostSealedBytes) {
    server_.client_log().warn(now_ms_,
                              "A TLS client that asks and does not listen is closed: " + client.address());
    return {IoResult::kFailed};
  }
  if (!stream.outgoing().empty()) output_pending(client);
  if (stream.has_input()) read_sealed_soon(client);
  return filled > 0 ? IoResult{IoResult::kOk, filled} : IoResult{IoResult::kWouldBlock};
}

void IoThread::on_handshake_done(Client& client) {
  output_pending(client);
  const bool open_to_all = server_.users().open();
  client.authenticated = open_to_all;
  client.parser.set_authenticated(open_to_all);
  if (!server_.settings().protected_mode || !open_to_all || client.peer_is_loopback()) return;
  server_.connections_rejected.fetch_add(1, std::memory_order_relaxed);
  client.output.append(kProtectedModeRefusal);
  close_after_reply(client);
}

void IoThread::on_handshake_failed(Client& client, std::string_view why) {
  server_.client_log().warn(
      now_ms_, "The TLS handshake with " + client.address() + " has failed: " + std::string(why) + ".");
}

void IoThread::read_sealed_soon(Client& client) {
  if (client.tls_input_due) return;
  client.tls_input_due = true;
  sealed_due_.push_back(client.id());
  if (sealed_due_.size() > 1) return;
  loop_.post([this] {
    std::vector<uint64_t> due;
    due.swap(sealed_due_);
    for (const uint64_t id : due) {
      Client* waiting = find_client(id);
      if (waiting == nullptr) continue;
      waiting->tls_input_due = false;
      if (waiting->closing || !waiting->reading || !waiting->tls->has_input()) continue;
      on_readable(*waiting);
      // As a socket would, until it is read or nobody wants it.
      if (!waiting->closing && waiting->reading && waiting->tls->has_input()) read_sealed_soon(*waiting);
    }
  });
}

size_t IoThread::seal(Client& client, size_t sendable) {
  TlsStream& stream = *client.tls;
  std::array<iovec, kSealedPieces> pieces;
  const size_t count = client.output.gather(pieces.data(), pieces.size());
  // The room for reads is free now.
  char* const record = sealed_.get();
  size_t sealed = 0, gathered = 0;
  const auto flush = [&] {
    const bool well = stream.write({record, gathered});
    gathered = 0;
    return well;
  };
  for (size_t i = 0; i < count && sealed < sendable; ++i) {
    std::string_view piece(static_cast<const char*>(pieces[i].iov_base),
                           std::min(pieces[i].iov_len, sendable - sealed));
    while (!piece.empty() && stream.outgoing().size() < kSealedAheadBytes) {
      const bool whole = gathered == 0 && piece.size() >= kRecordBytes;
      const size_t taken = std::min(piece.size(), whole ? kRecordBytes : kRecordBytes - gathered);
      if (whole) {
        if (!stream.write(piece.substr(0, taken))) return sealed;
      } else {
        std::memcpy(record + gathered, piece.data(), taken);
        gathered += taken;
        if (gathered == kRecordBytes && !flush()) return sealed;
      }
      piece.remove_prefix(taken);
      sealed += taken;
    }
    if (!piece.empty()) break;
  }
  if (gathered > 0) (void)flush();
  return sealed;
}

bool IoThread::flush_sealed(Client& client, bool* blocked) {
  TlsStream& stream = *client.tls;
  while (!*blocked && !stream.outgoing().empty()) {
    const std::string_view bytes = stream.outgoing();
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const IoResult result = client.connection().write(&piece, 1);
    if (result.kind == IoResult::kFailed || result.kind == IoResult::kClosed) return false;
    const size_t written = result.kind == IoResult::kOk ? result.bytes : 0;
    stream.sent(written);
    *blocked = written < bytes.size();
  }
  return true;
}

bool IoThread::send_sealed(Client& client, size_t sendable, bool* blocked) {
  TlsStream& stream = *client.tls;
  if (sealed_ == nullptr) sealed_ = std::make_unique<char[]>(kSealedReadBytes);
  size_t sent_bytes = 0;
  for (;;) {
    if (!flush_sealed(client, blocked)) return false;
    if (*blocked || !stream.open() || sendable == 0 || sent_bytes >= kMostReadBytes) break;
    const size_t sealed = seal(client, sendable);
    if (!stream.open()) return false;
    client.output.consume(sealed);
    sendable -= sealed;
    sent_bytes += sealed;
  }
  note_socket_full(client, *blocked);
  statistics_.output_bytes.add(sent_bytes);
  statistics_.writes.add(1);
  if (sent_bytes > 0) client.last_interaction_ms = now_ms_;
  // Before the handshake is done nothing can be sent but what it consists of.
  client.writable_wanted = !stream.outgoing().empty() || (stream.open() && sendable > 0);
  return true;
}

// So that the peer can tell the end from a line that was cut; and of a failure, why it is closed.
void IoThread::say_goodbye(Client& client) {
  TlsStream& stream = *client.tls;
  if (stream.outgoing().empty() && client.output.empty()) stream.end();
  bool blocked = client.socket_full;
  (void)flush_sealed(client, &blocked);
}

void IoThread::watch_handshake(Client& client) {
  if (++client.handshake_ticks < kHandshakeTicks) return;
  on_handshake_failed(client, "it took too long");
  close(client);
}

}  // namespace starling::server
