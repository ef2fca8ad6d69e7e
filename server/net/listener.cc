#include "server/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/assert.h"

namespace starling::server {
namespace {

// Accepted in one go before the connections that exist get their turn again; as Redis.
constexpr int kAcceptsPerEvent = 1000;
// Files, sockets and pipes of the server's own: log segments, store files, epoll and eventfds.
constexpr int kOwnDescriptors = 512;

std::string format_address(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

bool is_loopback(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr) >> 24) == 127;
  }
  const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return address.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&address);
}

engine::Status failure(const std::string& what) {
  return {engine::StatusCode::kIoError, what + ": " + strerror(errno)};
}

}  // namespace

Listener::Listener(EventLoop& loop, int fd, Door door, std::string path, AcceptHandler on_accept)
    : fd_(fd),
      door_(door),
      path_(std::move(path)),
      reserve_fd_(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
      on_accept_(std::move(on_accept)),
      watcher_(std::make_unique<FdWatcher>(loop, fd, *this)) {
  watcher_->watch(kReadable);
}

Listener::~Listener() {
  watcher_.reset();
  ::close(fd_);
  if (reserve_fd_ >= 0) ::close(reserve_fd_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Listener::on_events(int) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE) {
        if (shed_one()) continue;
        return;
      }
      return;
    }
    AcceptedSocket socket;
    socket.fd = fd;
    socket.unix_socket = door_ == Door::kUnix;
    socket.tls = door_ == Door::kTls;
    if (socket.unix_socket) {
      socket.peer_address = socket.local_address = path_ + ":0";
      socket.peer_is_loopback = true;
    } else {
      sockaddr_storage local{};
      length = sizeof local;
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length);
      socket.peer_address = format_address(peer);
      socket.local_address = format_address(local);
      socket.peer_is_loopback = is_loopback(peer);
    }
    on_accept_(std::move(socket));
  }
}

bool Listener::shed_one() {
  if (reserve_fd_ >= 0) ::close(reserve_fd_);
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    static constexpr char kRefusal[] = "-ERR max number of clients reached\r\n";
    if (door_ != Door::kTls) (void)!::send(fd, kRefusal, sizeof kRefusal - 1, MSG_NOSIGNAL);
    ::close(fd);
  }
  reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return fd >= 0;
}

engine::Status listen_tcp(const std::string& address, int port, int backlog, int* fd) {
  const std::string where = "cannot listen on " + address + " port " + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const char* node = address.c_str();
  if (address == "*") {
    hints.ai_family = AF_INET;
    node = nullptr;
  } else if (address == "::*") {
    hints.ai_family = AF_INET6;
    node = nullptr;
  }
  addrinfo* found = nullptr;
  const int lookup = ::getaddrinfo(node, std::to_string(port).c_str(), &hints, &found);
  if (lookup != 0) return {engine::StatusCode::kInvalid, where + ": " + gai_strerror(lookup)};
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return failure(where);
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (found->ai_family == AF_INET6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (::bind(socket, found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket, backlog) != 0) {
    engine::Status status = failure(where);
    ::close(socket);
    return status;
  }
  *fd = socket;
  return {};
}

engine::Status listen_unix(const std::string& path, unsigned permissions, int backlog, int* fd) {
  const std::string where = "cannot listen on the Unix socket " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return {engine::StatusCode::kInvalid, where + ": the path is longer than the system allows"};
  }
  memcpy(address.sun_path, path.data(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return failure(where);
  ::unlink(path.c_str());
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      (permissions != 0 && ::chmod(path.c_str(), permissions) != 0) || ::listen(socket, backlog) != 0) {
    engine::Status status = failure(where);
    ::close(socket);
    return status;
  }
  *fd = socket;
  return {};
}

int raise_descriptor_limit(int clients) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::min(clients, 1024 - kOwnDescriptors);
  const rlim_t wanted = static_cast<rlim_t>(clients) + kOwnDescriptors;
  if (limit.rlim_cur >= wanted) return clients;
  rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return clients;
  raised = {std::min(wanted, limit.rlim_max), limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) raised = limit;
  const rlim_t own = std::min<rlim_t>(kOwnDescriptors, raised.rlim_cur / 2);
  return static_cast<int>(std::min<rlim_t>(static_cast<rlim_t>(clients), raised.rlim_cur - own));
}

}  // namespace starling::server
