// A connected stream socket on a loop: TCP or Unix. Moves bytes, knows no protocol.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "server/net/event_loop.h"

namespace starling::server {

// A socket fresh from accept(), on its way to a loop. A plain value: who has it closes the descriptor, or gives it to a
// Connection.
struct AcceptedSocket {
  int fd = -1;
  bool unix_socket = false;
  bool tls = false;          // It came in by the port for TLS, and has said nothing yet.
  std::string peer_address;  // "127.0.0.1:51234", "[::1]:51234", "/path:0": as CLIENT LIST shows it.
  std::string local_address;
  bool peer_is_loopback = false;  // Unix sockets count.
};

struct IoResult {
  enum Kind { kOk, kWouldBlock, kClosed, kFailed };
  Kind kind;
  size_t bytes = 0;  // kOk only.
};

class Connection {
 public:
  // Takes the descriptor over. `handler` is told of events from the first watch() on.
  Connection(EventLoop& loop, int fd, FdHandler& handler);
  ~Connection();  // Closes the descriptor.
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  IoResult read(char* into, size_t capacity);
  IoResult write(const iovec* pieces, int count);

  void watch(bool readable, bool writable, bool hung_up = false);

  // Of TCP: what was written and the peer's system has not acknowledged. SIZE_MAX: it cannot be told.
  size_t unacknowledged_bytes() const;
  // Of TCP: when it is closed, what was written and has not arrived is forgotten, and the peer is told so (if it can be
  // reached). Else the system goes on trying to deliver it.
  void reset_on_close();

  int fd() const { return fd_; }

 private:
  int fd_;
  std::optional<FdWatcher> watcher_;
};

// For TCP sockets. 0 seconds: no keep-alive probes.
void set_socket_options(int fd, int keepalive_seconds);
// The connection breaks when what was sent stays unacknowledged for so long.
void set_unacknowledged_timeout(int fd, int timeout_ms);
// The system takes no more than that beside what is on its way: what is written next does not wait for long.
void set_unsent_bytes(int fd, int bytes);

}  // namespace starling::server
