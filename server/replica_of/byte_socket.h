// A connected socket that says what came and sends what it is given, as the other end takes it.
//
// On the loop's thread. Shared, so that it lives on while it calls back; after close(), which its owner calls before
// it lets it go, nothing is called any more.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/net/connection.h"

namespace starling::server {

class ByteSocket final : public FdHandler, public std::enable_shared_from_this<ByteSocket> {
 public:
  struct Events {
    std::function<void(std::string_view bytes)> came;
    // The other end is gone; close() was called already.
    std::function<void(const std::string& why)> ended;
  };

  // Takes the descriptor, which does not block, over.
  static std::shared_ptr<ByteSocket> open(EventLoop& loop, int fd, Events events);

  void send(std::string_view bytes);
  // Given to send(), and not taken by the system.
  size_t unsent() const { return output_.size() - sent_; }
  void close();

 private:
  explicit ByteSocket(Events events) : events_(std::move(events)) {}
  void on_events(int events) override;
  void read();
  void flush();
  void end(const std::string& why);

  Events events_;
  std::optional<Connection> connection_;  // Nothing: closed.
  std::string output_;
  size_t sent_ = 0;  // Of the output.
};

}  // namespace starling::server
