// Outgoing TCP connections: one attempt to reach an address, without blocking the loop.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/net/event_loop.h"

namespace starling::server {

// Owned and used by the loop's thread.
class Connector final : public FdHandler {
 public:
  // A connected, non-blocking descriptor that is now the receiver's; or -1 and why.
  using Done = std::function<void(int fd, const std::string& failure)>;

  // `address`: "host:port", IPv6 in brackets; names are looked up on another thread, and the first address
  // found is tried. `done` is called once, from the loop and never from here; it may destroy the Connector.
  Connector(EventLoop& loop, const std::string& address, Done done);
  // Gives the attempt up, if it still lasts; `done` is not called.
  ~Connector() override;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct Lookup;

  void on_events(int events) override;
  void look_up(const std::string& host, const std::string& port);
  void connect(const sockaddr* address, socklen_t length);
  void fail_later(std::string failure);
  void finish(int fd, const std::string& failure);

  EventLoop& loop_;
  Done done_;
  Lookup* lookup_ = nullptr;  // Frees itself when the system has answered.
  int fd_ = -1;
  std::optional<FdWatcher> watcher_;
  std::unique_ptr<Timer> failure_timer_;
};

// "host:port", "[v6]:port" -> its parts. False for anything else; the port is between 1 and 65535.
[[nodiscard]] bool split_address(const std::string& address, std::string* host, std::string* port);

}  // namespace starling::server
