#include "server/net/connector.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <utility>

namespace starling::server {

struct Connector::Lookup {
  uv_getaddrinfo_t request;
  Connector* owner;  // Null: gone.
};

Connector::Connector(EventLoop& loop, const std::string& address, Done done)
    : loop_(loop), done_(std::move(done)) {
  std::string host, port;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (!split_address(address, &host, &port)) {
    fail_later("'" + address + "' is not host:port");
  } else if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) == 0) {
    connect(found->ai_addr, found->ai_addrlen);
    ::freeaddrinfo(found);
  } else {
    look_up(host, port);
  }
}

Connector::~Connector() {
  if (lookup_ != nullptr) {
    lookup_->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->request));
  }
  watcher_.reset();
  if (fd_ >= 0) ::close(fd_);
}

void Connector::look_up(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  lookup_ = new Lookup{{}, this};
  lookup_->request.data = lookup_;
  const int failed = uv_getaddrinfo(
      loop_.native(), &lookup_->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(request->data));
        const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> owned(found, &uv_freeaddrinfo);
        Connector* owner = lookup->owner;
        if (owner == nullptr) return;
        owner->lookup_ = nullptr;
        if (status != 0)
          return owner->finish(-1, std::string("its name has no address: ") + uv_strerror(status));
        owner->connect(found->ai_addr, found->ai_addrlen);
      },
      host.c_str(), port.c_str(), &hints);
  if (failed == 0) return;
  delete std::exchange(lookup_, nullptr);
  fail_later(uv_strerror(failed));
}

void Connector::connect(const sockaddr* address, socklen_t length) {
  fd_ = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail_later(strerror(errno));
  // Connected at once is also told as writable.
  if (::connect(fd_, address, length) != 0 && errno != EINPROGRESS) return fail_later(strerror(errno));
  watcher_.emplace(loop_, fd_, *this);
  watcher_->watch(kWritable);
}

void Connector::on_events(int) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  watcher_.reset();
  if (error != 0) return finish(-1, strerror(error));
  finish(std::exchange(fd_, -1), "");
}

void Connector::fail_later(std::string failure) {
  failure_timer_ = std::make_unique<Timer>(loop_, [this, failure = std::move(failure)] {
    finish(-1, std::string(failure));  // A copy: finish() may destroy this closure.
  });
  failure_timer_->start(0, 0);
}

void Connector::finish(int fd, const std::string& failure) {
  const Done done = std::move(done_);
  done(fd, failure);
}

bool split_address(const std::string& address, std::string* host, std::string* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  *host = address.substr(0, colon);
  *port = address.substr(colon + 1);
  if (host->front() == '[') {
    if (host->size() < 3 || host->back() != ']') return false;
    *host = host->substr(1, host->size() - 2);
  } else if (host->find(':') != std::string::npos) {
    return false;
  }
  if (port->empty() || port->size() > 5 || port->find_first_not_of("0123456789") != std::string::npos)
    return false;
  const int number = std::stoi(*port);
  return number >= 1 && number <= 65535;
}

}  // namespace starling::server
