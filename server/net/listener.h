// Listening sockets. One acceptor hands connections to the loops in turn: with SO_REUSEPORT the kernel would
// hash them, and a few dozen clients come out unevenly.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "server/net/connection.h"
#include "server/net/event_loop.h"

namespace starling::server {

enum class Door : uint8_t { kPlain, kTls, kUnix };

// Owned by the accepting loop's thread.
class Listener : public FdHandler {
 public:
  // Takes over the descriptor in the AcceptedSocket.
  using AcceptHandler = std::function<void(AcceptedSocket)>;

  Listener(EventLoop& loop, int fd, Door door, std::string path, AcceptHandler on_accept);
  ~Listener() override;

  void on_events(int events) override;

 private:
  // True when a waiting connection was refused.
  bool shed_one();

  int fd_;
  const Door door_;
  std::string path_;  // Unix sockets: removed at the end.
  // Given up for a moment when the process is out of descriptors, to accept and close what waits: a
  // connection that nobody accepts would keep epoll busy, and its peer in the dark.
  int reserve_fd_;
  AcceptHandler on_accept_;
  std::unique_ptr<FdWatcher> watcher_;
};

// Binds and listens. `address`: IPv4, IPv6, "*" (all of IPv4) or "::*" (all of IPv6). On failure the message
// names the address and the reason.
engine::Status listen_tcp(const std::string& address, int port, int backlog, int* fd);
// An existing socket file at `path` is replaced. `permissions` 0: the umask's.
engine::Status listen_unix(const std::string& path, unsigned permissions, int backlog, int* fd);

// Raises RLIMIT_NOFILE to `clients` plus what the server itself needs, as far as the system lets it. Returns
// how many clients then fit (at most `clients`).
int raise_descriptor_limit(int clients);

}  // namespace starling::server
