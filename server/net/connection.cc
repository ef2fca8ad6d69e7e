#include "server/net/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace starling::server {

Connection::Connection(EventLoop& loop, int fd, FdHandler& handler) : fd_(fd) {
  watcher_.emplace(loop, fd, handler);
}

Connection::~Connection() {
  watcher_.reset();
  ::close(fd_);
}

IoResult Connection::read(char* into, size_t capacity) {
  for (;;) {
    const ssize_t count = ::recv(fd_, into, capacity, 0);
    if (count > 0) return {IoResult::kOk, static_cast<size_t>(count)};
    if (count == 0) return {IoResult::kClosed};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? IoResult::kWouldBlock : IoResult::kFailed};
  }
}

IoResult Connection::write(const iovec* pieces, int count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<size_t>(count);
  for (;;) {
    // One piece is the common case, and send() spares the kernel the copying of the header.
    const ssize_t sent = count == 1 ? ::send(fd_, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                                    : ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent >= 0) return {IoResult::kOk, static_cast<size_t>(sent)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? IoResult::kWouldBlock : IoResult::kFailed};
  }
}

void Connection::watch(bool readable, bool writable, bool hung_up) {
  watcher_->watch((readable ? kReadable : 0) | (writable ? kWritable : 0) | (hung_up ? kHungUp : 0));
}

size_t Connection::unacknowledged_bytes() const {
  int bytes = 0;
  return ::ioctl(fd_, SIOCOUTQ, &bytes) == 0 && bytes >= 0 ? static_cast<size_t>(bytes) : SIZE_MAX;
}

void Connection::reset_on_close() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void set_socket_options(int fd, int keepalive_seconds) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (keepalive_seconds <= 0) return;
  const int interval = std::max(1, keepalive_seconds / 3);
  const int probes = 3;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_seconds, sizeof keepalive_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void set_unacknowledged_timeout(int fd, int timeout_ms) {
  const auto milliseconds = static_cast<unsigned>(std::max(timeout_ms, 0));
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

void set_unsent_bytes(int fd, int bytes) {
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

}  // namespace starling::server
