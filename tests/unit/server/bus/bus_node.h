// A node that has nothing but its bus, on real loopback sockets, with a loop and a thread of its own; and a client of
// its bus port that is no node.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/wire/handshake.h"
#include "server/bus/bus_links.h"
#include "server/bus/bus_listener.h"
#include "server/net/listener.h"

namespace starling::server::bus_test {

using cluster::FrameKind;
using cluster::Introduction;
using cluster::NodeId;

// Waits for what must come about, generously: a machine may be busy.
inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 60000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

inline NodeId id_of(uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

inline int port_of(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return ntohs(address.sin_port);
}

inline int64_t monotonic_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

// A port that nobody listens on now.
inline int free_port() {
  int fd = -1;
  REQUIRE(listen_tcp("127.0.0.1", 0, 1, &fd).ok());
  const int port = port_of(fd);
  ::close(fd);
  return port;
}

inline BusOptions quick_options(const std::string& secret) {
  BusOptions options;
  options.secret = secret;
  options.first_retry_ms = 25;
  options.last_retry_ms = 100;
  options.refused_retry_ms = 100;
  return options;
}

// A node that has nothing but its bus. Members are the loop's thread's, except where they are atomic.
class Node final : public BusHandler {
 public:
  explicit Node(uint8_t number, int port, BusOptions options = quick_options("secret"))
      : number_(number), port_(port) {
    links_.emplace(loop_, *this, std::move(options));
    listener_.emplace(loop_, std::vector<BusLoop>{{&loop_, &*links_}}, [this](AcceptedSocket socket) {
      ++life_signs_accepted;
      links_->adopt(std::move(socket));
    });
    REQUIRE(listener_->open({"127.0.0.1"}, port, 16).ok());
    loop_.set_pass_hook([this] { links_->flush(); });
  }
  ~Node() override {
    if (thread_.joinable()) {
      loop_.stop();
      thread_.join();
    }
    listener_.reset();
    links_.reset();
  }
  void start() {
    thread_ = std::thread([this] { loop_.run(); });
  }

  // Runs `task` on the loop and waits for it.
  template <typename Task>
  auto on_loop(Task task) {
    std::promise<decltype(task(std::declval<BusLinks&>()))> promise;
    loop_.post([&] {
      if constexpr (std::is_void_v<decltype(task(*links_))>) {
        task(*links_);
        promise.set_value();
      } else {
        promise.set_value(task(*links_));
      }
    });
    return promise.get_future().get();
  }
  void know(const Node& other) {
    on_loop([peer = other.as_peer()](BusLinks& links) { links.set_peers({peer}); });
  }
  bool connected_to(const Node& other) {
    return on_loop([&](BusLinks& links) { return links.connected(other.id()); });
  }
  std::string last_failure() {
    return on_loop([](BusLinks& links) { return links.report().at(0).last_failure; });
  }

  NodeId id() const { return id_of(number_); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  BusPeer as_peer() const { return {id(), address()}; }
  const BusStatistics& statistics() const { return links_->statistics(); }

  int64_t clock_us() override { return monotonic_us() + clock_ahead_us; }
  Introduction introduction() override {
    Introduction self;
    self.id = id();
    self.cluster = cluster_id;
    self.epoch = 3;
    self.address = address();
    self.life_signs = life_signs;
    return self;
  }
  std::optional<std::string> objection(const Introduction& peer) override {
    if (removed.valid() && peer.id == removed) return "was removed from the cluster";
    return std::nullopt;
  }
  void on_connected(const Introduction& peer) override {
    CHECK(loop_.in_loop_thread());
    CHECK(peer.epoch == 3);
    ++connects;
    if (when_connected) when_connected(*links_, peer);
  }
  void on_disconnected(const NodeId&, const std::string& reason) override {
    CHECK(!reason.empty());
    {
      std::lock_guard lock(mutex_);
      loss_ = reason;
    }
    ++losses;
  }
  void on_accepted(const Introduction& peer, LinkId) override {
    CHECK(peer.id.valid());
    ++accepts;
  }
  void on_frame(const NodeId& peer, LinkId link, FrameKind kind, uint64_t correlation,
                std::string_view payload) override {
    if (when_frame) when_frame(*links_, peer, link, kind, correlation, payload);
    ++frames;
  }
  void on_heard(const NodeId&, bool) override { ++heard; }
  void on_receiving(const NodeId&, FrameKind, uint64_t) override { ++parts_received; }
  void on_sending(const NodeId&, LinkId, FrameKind, uint64_t, std::optional<int64_t> age_us) override {
    ++parts_sent;
    if (age_us) ++ends_sent;
  }
  std::string loss() {
    std::lock_guard lock(mutex_);
    return loss_;
  }

  uint64_t cluster_id = 5;
  bool life_signs = false;
  std::atomic<int> life_signs_accepted{0};
  int64_t clock_ahead_us = 0;
  NodeId removed;
  std::function<void(BusLinks&, const Introduction&)> when_connected;
  std::function<void(BusLinks&, const NodeId&, LinkId, FrameKind, uint64_t, std::string_view)> when_frame;
  std::atomic<int> connects{0}, losses{0}, accepts{0};
  std::atomic<uint64_t> frames{0};
  std::atomic<int> heard{0}, parts_received{0}, parts_sent{0}, ends_sent{0};

 private:
  const uint8_t number_;
  const int port_;
  EventLoop loop_;
  std::optional<BusLinks> links_;
  std::optional<BusListener> listener_;
  std::thread thread_;
  std::mutex mutex_;
  std::string loss_;  // Guarded by mutex_.
};

// A client of the bus port that is no node.
class Stranger {
 public:
  explicit Stranger(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  ~Stranger() { ::close(fd_); }
  void say(std::string_view bytes) { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Everything until the other side closes.
  std::string hear_all() {
    std::string all;
    char piece[4096];
    ssize_t count;
    while ((count = ::recv(fd_, piece, sizeof piece, 0)) > 0) all.append(piece, static_cast<size_t>(count));
    return all;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// The node's side of a link whose peer does what the test says: introduces itself, then nothing by itself.
inline void introduce(Stranger* stranger, uint8_t number) {
  cluster::Handshake::Options options;
  options.self.id = id_of(number);
  options.self.cluster = 5;
  options.self.epoch = 3;
  options.self.address = "127.0.0.1:1";
  options.secret = "secret";
  cluster::Handshake handshake(options);
  cluster::FrameDecoder decoder;
  std::string out;
  handshake.start(&out);
  while (handshake.state() == cluster::Handshake::State::kRunning) {
    stranger->say(out);
    out.clear();
    const std::span<char> room = decoder.prepare();
    const ssize_t count = ::recv(stranger->fd(), room.data(), room.size(), 0);
    REQUIRE(count > 0);
    decoder.commit(static_cast<size_t>(count));
    cluster::Frame frame;
    while (handshake.state() == cluster::Handshake::State::kRunning &&
           decoder.next(&frame) == cluster::FrameDecoder::Result::kFrame) {
      handshake.on_frame(frame, &out);
    }
  }
  REQUIRE(handshake.state() == cluster::Handshake::State::kDone);
}

}  // namespace starling::server::bus_test
