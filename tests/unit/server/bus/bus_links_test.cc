// Two or more nodes' links on real loopback sockets, each with a loop and a thread of its own.
#include "server/bus/bus_links.h"

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
#include "engine/base/byte_codec.h"
#include "engine/base/seeded_random.h"
#include "server/bus/bus_listener.h"
#include "server/net/listener.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::Introduction;
using cluster::NodeId;

// Waits for what must come about, generously: a machine may be busy.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 60000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

NodeId id_of(uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

int port_of(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return ntohs(address.sin_port);
}

int64_t monotonic_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

// A port that nobody listens on now.
int free_port() {
  int fd = -1;
  REQUIRE(listen_tcp("127.0.0.1", 0, 1, &fd).ok());
  const int port = port_of(fd);
  ::close(fd);
  return port;
}

BusOptions quick_options(const std::string& secret) {
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
void introduce(Stranger* stranger, uint8_t number) {
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

TEST_CASE("bus: a hundred thousand frames go both ways in order") {
  constexpr uint64_t kFrames = 100000;
  Node a(1, free_port()), b(2, free_port());
  uint64_t echoes = 0, received = 0;
  bool in_order = true;
  b.when_frame = [&](BusLinks& links, const NodeId& peer, LinkId link, FrameKind kind, uint64_t correlation,
                     std::string_view payload) {
    in_order &= peer == id_of(1) && kind == FrameKind::kWrite && correlation == received++;
    in_order &= payload == std::string(correlation % 50, 'p');
    CHECK(links.reply(link, FrameKind::kWriteReply, correlation, payload));
  };
  a.when_frame = [&](BusLinks&, const NodeId& peer, LinkId, FrameKind kind, uint64_t correlation,
                     std::string_view payload) {
    in_order &= peer == id_of(2) && kind == FrameKind::kWriteReply && correlation == echoes++;
    in_order &= payload.size() == correlation % 50;
  };
  a.start();
  b.start();
  a.know(b);
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  for (uint64_t sent = 0; sent < kFrames; sent += 1000) {
    a.on_loop([&](BusLinks& links) {
      for (uint64_t i = sent; i < sent + 1000; ++i) {
        CHECK(links.send(id_of(2), FrameKind::kWrite, i, std::string(i % 50, 'p')));
      }
    });
  }
  CHECK(eventually([&] { return a.frames == kFrames; }));
  CHECK(b.frames == kFrames);
  CHECK(in_order);
  CHECK(a.statistics().queued_bytes.get() == 0);
  CHECK(a.statistics().frames_sent.get() >= kFrames);
  CHECK(a.losses == 0);
}

TEST_CASE("bus: a frame of 64 MiB arrives as it was sent, and small ones do not wait for it") {
  BusOptions options = quick_options("secret");
  options.lane_bytes = 64 << 20;
  Node a(1, free_port(), options), b(2, free_port());
  auto big = std::make_shared<std::string>(64 << 20, '\0');
  engine::SeededRandom random(7);
  for (size_t i = 0; i < big->size(); i += 4096) (*big)[i] = static_cast<char>(random.next());
  std::atomic<bool> same{false};
  std::vector<size_t> sizes;
  b.when_frame = [&](BusLinks& links, const NodeId&, LinkId, FrameKind, uint64_t, std::string_view payload) {
    sizes.push_back(payload.size());
    if (payload.size() != big->size()) return;
    same = payload == *big && links.frame_age_us() > 0;
    const std::optional<std::string> taken = links.take_payload();
    same = same && taken && *taken == *big && !links.take_payload();
  };
  a.start();
  b.start();
  a.know(b);
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  a.on_loop([&](BusLinks& links) {
    CHECK(links.send(id_of(2), FrameKind::kState, 2, *big));
    // It waits alone: the bound is reached.
    CHECK_FALSE(links.send(id_of(2), FrameKind::kState, 3, *big));
    CHECK(links.full(id_of(2), 2 << 20));
    CHECK_FALSE(links.full(id_of(2), 1000));
    CHECK(links.send(id_of(2), FrameKind::kGossip, 0, "small"));
  });
  CHECK(eventually([&] { return b.frames == 2 && a.statistics().queued_bytes.get() == 0; }));
  CHECK(same);
  CHECK(sizes == std::vector<size_t>{5, 64 << 20});
  CHECK(a.statistics().frames_refused.get() == 1);
  // Both ends have been told of its parts, and the sender of its end.
  CHECK(a.parts_sent > 10);
  CHECK(a.ends_sent == 1);
  CHECK(b.parts_received > 10);
  // Not with every byte: once in a while.
  uint64_t sent = 2;
  CHECK(eventually([&] {
    a.on_loop([](BusLinks& links) { CHECK(links.send(id_of(2), FrameKind::kGossip, 0, "small")); });
    ++sent;
    return b.heard > 0;
  }));
  CHECK(eventually([&] { return b.frames == sent; }));
}

TEST_CASE("bus: connections for signs of life are known by their introduction, before anything is read") {
  Node a(1, free_port()), b(2, free_port()), c(3, free_port());
  c.life_signs = true;
  a.start();
  b.start();
  c.start();
  b.know(a);
  c.know(a);
  REQUIRE(eventually([&] { return b.connected_to(a) && c.connected_to(a); }));
  CHECK(eventually([&] { return a.accepts == 2; }));
  CHECK(a.life_signs_accepted == 1);
  // Who says nothing is nobody's for a moment only.
  Stranger silent(a.address());
  CHECK(eventually([&] { return a.statistics().handshakes_refused.get() == 1; }));
  CHECK(a.life_signs_accepted == 1);
}

TEST_CASE("bus: what is last is behind large frames, and a large one that is withdrawn does not arrive") {
  Node a(1, free_port()), b(2, free_port());
  std::vector<FrameKind> kinds;
  b.when_frame = [&](BusLinks&, const NodeId&, LinkId, FrameKind kind, uint64_t, std::string_view) {
    kinds.push_back(kind);
  };
  a.start();
  b.start();
  a.know(b);
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  const std::string large(8 << 20, 'x');
  a.on_loop([&](BusLinks& links) {
    CHECK(links.send(id_of(2), FrameKind::kForward, 1, large, 77));
    CHECK(links.send(id_of(2), FrameKind::kForward, 2, large, 78));
    CHECK(links.send(id_of(2), FrameKind::kVersion, 2, "behind it", 78));
    CHECK(links.send(id_of(2), FrameKind::kLeaving, 0, {}));
    CHECK(links.send(id_of(2), FrameKind::kGossip, 0, "before all"));
    CHECK(links.withdraw(links.sent(id_of(2)).link, FrameKind::kForward, 1));
    CHECK_FALSE(links.withdraw(links.sent(id_of(2)).link, FrameKind::kForward, 1));
  });
  CHECK(eventually([&] { return b.frames == 4; }));
  CHECK(kinds == std::vector<FrameKind>{FrameKind::kGossip, FrameKind::kForward, FrameKind::kVersion,
                                        FrameKind::kLeaving});
}

TEST_CASE("bus: the link comes back when the peer does") {
  const int port = free_port();
  Node a(1, free_port());
  auto b = std::make_unique<Node>(2, port);
  a.start();
  b->start();
  a.know(*b);
  REQUIRE(eventually([&] { return a.connects == 1; }));
  b.reset();
  REQUIRE(eventually([&] { return a.losses == 1; }));
  CHECK(a.loss() == "it closed the connection");
  a.on_loop([](BusLinks& links) {
    CHECK_FALSE(links.connected(id_of(2)));
    CHECK_FALSE(links.send(id_of(2), FrameKind::kGossip, 0, "lost"));
  });
  CHECK(eventually([&] { return a.last_failure() == "Connection refused"; }));
  b = std::make_unique<Node>(2, port);
  b->start();
  REQUIRE(eventually([&] { return a.connects == 2; }));
  CHECK(a.on_loop([](BusLinks& links) { return links.send(id_of(2), FrameKind::kGossip, 0, "again"); }));
  CHECK(eventually([&] { return b->frames == 1; }));
  CHECK(a.last_failure().empty());
}

TEST_CASE("bus: peers that are unlisted are let go, and seeds are found and recognised") {
  Node a(1, free_port()), b(2, free_port());
  a.when_connected = [&](BusLinks& links, const Introduction& peer) {
    links.set_peers({{peer.id, peer.address}});
  };
  a.start();
  b.start();
  // Itself, the other, and the other by another name; and one where nobody is.
  a.on_loop([&](BusLinks& links) {
    links.set_seeds({a.address(), b.address(), "localhost:" + b.address().substr(b.address().rfind(':') + 1),
                     "127.0.0.1:" + std::to_string(free_port()), "not an address"});
  });
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  CHECK(eventually([&] {
    const auto reports = a.on_loop([](BusLinks& links) { return links.report(); });
    return reports.size() == 6 &&
           reports[0].last_failure == "it says that this node is at both ends of the connection" &&
           reports[1].connected && reports[2].connected && reports[3].last_failure == "Connection refused" &&
           reports[4].last_failure == "'not an address' is not host:port" && reports[5].connected;
  }));
  CHECK(a.connects == 1);
  CHECK(a.losses == 0);
  CHECK(a.on_loop([](BusLinks& links) { return links.send(id_of(2), FrameKind::kGossip, 0, "x"); }));
  CHECK(eventually([&] { return b.frames == 1; }));

  a.when_connected = nullptr;
  a.on_loop([](BusLinks& links) {
    links.set_seeds({});
    links.set_peers({});
    CHECK_FALSE(links.connected(id_of(2)));
    CHECK(links.report().empty());
  });
  CHECK(a.losses == 1);
}

void check_refused(Node& a, Node& b, const std::string& failure) {
  a.start();
  b.start();
  a.know(b);
  CHECK(eventually([&] { return a.last_failure() == failure; }));
  CHECK_FALSE(a.connected_to(b));
  CHECK(a.connects == 0);
  CHECK(b.accepts == 0);
  CHECK(a.statistics().handshakes_refused.get() > 0);
  CHECK(b.statistics().handshakes_refused.get() > 0);
}

TEST_CASE("bus: a wrong secret is refused, and both sides know") {
  Node a(1, free_port(), quick_options("secret")), b(2, free_port(), quick_options("other"));
  check_refused(a, b, "it says that this node has another cluster-secret");
}

TEST_CASE("bus: another cluster is refused") {
  Node a(1, free_port()), b(2, free_port());
  a.cluster_id = 6;
  check_refused(a, b, "it says that this node belongs to another cluster");
}

TEST_CASE("bus: a removed node is refused") {
  Node a(1, free_port()), b(2, free_port());
  b.removed = id_of(1);
  check_refused(a, b, "it says that this node was removed from the cluster");
}

TEST_CASE("bus: another node at the peer's address is refused") {
  Node a(1, free_port()), b(2, free_port());
  a.start();
  b.start();
  a.on_loop([&](BusLinks& links) { links.set_peers({{id_of(3), b.address()}}); });
  CHECK(eventually([&] {
    return a.last_failure() == "it is node " + id_of(2).to_string() + ", not " + id_of(3).to_string();
  }));
  CHECK(b.accepts == 0);
}

TEST_CASE("bus: a node that shows itself is tried at once, whatever was at its address before") {
  const int port = free_port();
  BusOptions patient = quick_options("secret");
  patient.refused_retry_ms = int64_t{3600} * 1000;
  Node a(1, free_port(), patient);
  auto guest = std::make_unique<Node>(2, port);
  a.start();
  guest->start();
  a.on_loop([&](BusLinks& links) { links.set_peers({{id_of(3), guest->address()}}); });
  REQUIRE(eventually([&] { return a.statistics().handshakes_refused.get() == 1; }));
  guest.reset();
  Node resident(3, port);
  resident.start();
  resident.know(a);
  REQUIRE(eventually([&] { return a.accepts == 1; }));
  CHECK_FALSE(a.connected_to(resident));
  a.on_loop([](BusLinks& links) {
    links.hasten(id_of(3));
    links.hasten(id_of(4));  // Not a peer.
  });
  CHECK(eventually([&] { return a.connected_to(resident); }));
}

TEST_CASE("bus: garbage is refused, and strangers are few") {
  BusOptions options = quick_options("secret");
  options.handshake_timeout_ms = 200;
  options.max_strangers = 3;
  Node a(1, free_port(), options);
  a.start();
  for (const std::string_view garbage :
       {std::string_view("*1\r\n$4\r\nPING\r\n"), std::string_view("GET / HTTP/1.1\r\n\r\n"),
        std::string_view("\x05\0\0\0\x01\0abc", 9), std::string_view("\x02\0\0\0\x17\0", 6)}) {
    Stranger stranger(a.address());
    stranger.say(garbage);
    // A refuse frame, and the end.
    const std::string heard = stranger.hear_all();
    REQUIRE(heard.size() > 5);
    CHECK(heard[4] == static_cast<char>(FrameKind::kRefuse));
  }
  // These say nothing. The first three are told when their time is over, further ones are closed at once.
  Stranger first(a.address()), second(a.address()), third(a.address());
  REQUIRE(eventually([&] { return a.statistics().handshakes_refused.get() >= 4; }));
  Stranger fourth(a.address()), fifth(a.address());
  CHECK(!first.hear_all().empty());
  CHECK(!second.hear_all().empty());
  CHECK(!third.hear_all().empty());
  (void)fourth.hear_all();
  (void)fifth.hear_all();
  CHECK(a.accepts == 0);
  Stranger welcome(a.address());
  introduce(&welcome, 9);
  CHECK(eventually([&] { return a.accepts == 1; }));
}

TEST_CASE("bus: garbage after the handshake ends the link") {
  Node a(1, free_port());
  a.start();
  Stranger peer(a.address());
  introduce(&peer, 9);
  std::string bytes;
  cluster::append_frame(FrameKind::kGossip, 0, "fine", &bytes);
  cluster::append_frame(FrameKind::kHello, 0, "again", &bytes);
  peer.say(bytes);
  (void)peer.hear_all();
  CHECK(a.frames == 1);
  CHECK(eventually([&] { return a.statistics().links.get() == 0; }));
}

TEST_CASE("bus: a peer that stops reading is cut at the bound, and memory stays within it") {
  BusOptions options = quick_options("secret");
  options.queue_bytes = 1 << 20;
  options.stall_timeout_ms = 500;
  Node a(1, free_port(), options);
  std::atomic<uint64_t> refused{0};
  uint64_t most_queued = 0;
  a.when_frame = [&](BusLinks& links, const NodeId&, LinkId link, FrameKind, uint64_t correlation,
                     std::string_view) {
    for (int i = 0; i < 200; ++i) {
      if (!links.reply(link, FrameKind::kStateReply, correlation, std::string(10000, 's'))) ++refused;
      most_queued = std::max(most_queued, links.statistics().queued_bytes.get());
    }
  };
  a.start();
  Stranger peer(a.address());
  introduce(&peer, 9);
  std::string request;
  cluster::append_frame(FrameKind::kState, 1, "", &request);
  // The system's own buffers take some megabytes first. One request at a time, so that a slow loop has time
  // left.
  uint64_t asked = 0;
  CHECK(eventually([&] {
    if (a.frames == asked && ++asked > 0) peer.say(request);
    return a.statistics().stalled_links.get() == 1;
  }));
  CHECK(refused > 0);
  CHECK(a.on_loop([&](BusLinks&) { return most_queued; }) <= 1 << 20);
  CHECK(eventually([&] { return a.statistics().queued_bytes.get() == 0; }));
  CHECK(a.statistics().links.get() == 0);
}

TEST_CASE("bus: idle links are kept by pings; a silent peer is cut") {
  BusOptions options = quick_options("secret");
  options.ping_after_ms = 50;
  options.silence_timeout_ms = 1000;
  Node a(1, free_port(), options), b(2, free_port(), options);
  a.start();
  b.start();
  a.know(b);
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  Stranger mute(a.address());
  introduce(&mute, 9);
  // It is sent pings, answers none, and is cut; the live peer answers and is not.
  CHECK(!mute.hear_all().empty());
  CHECK(eventually([&] { return a.statistics().frames_received.get() > 5; }));
  CHECK(a.losses == 0);
  CHECK(a.frames == 0);
  CHECK(a.statistics().links.get() == 1);
}

TEST_CASE("bus: the clock of a peer is known, and never taken to be ahead of what it is") {
  BusOptions options = quick_options("secret");
  options.ping_after_ms = 100;
  Node a(1, free_port(), options), b(2, free_port(), options);
  b.clock_ahead_us = int64_t{3600} * 1'000'000;
  a.start();
  b.start();
  a.on_loop([](BusLinks& links) { CHECK_FALSE(links.peer_time_us(id_of(2), monotonic_us()).has_value()); });
  a.know(b);
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  // It is told with each ping anew: the quickest answer of many takes no tenth of a second.
  CHECK(eventually([&] {
    return a.on_loop([&](BusLinks& links) {
      const int64_t now_us = monotonic_us();
      const std::optional<int64_t> there_us = links.peer_time_us(id_of(2), now_us);
      REQUIRE(there_us.has_value());
      CHECK(*there_us <= monotonic_us() + b.clock_ahead_us);
      return *there_us > now_us + b.clock_ahead_us - 100'000;
    });
  }));
}

TEST_CASE("bus: what has not arrived is taken back with its link; what has arrived keeps the link") {
  Node a(1, free_port()), b(2, free_port());
  std::atomic<int> large_ones{0}, after{0};
  b.when_frame = [&](BusLinks&, const NodeId&, LinkId, FrameKind kind, uint64_t, std::string_view payload) {
    if (kind == FrameKind::kGossip) ++after;
    if (payload.size() > 100) ++large_ones;
  };
  a.start();
  b.start();
  a.know(b);
  REQUIRE(eventually([&] { return a.connected_to(b); }));
  // The peer is stopped. A small frame reaches its system, one that is larger than that takes does not.
  std::promise<void> stopped, go_on;
  std::thread stopper([&] {
    b.on_loop([&](BusLinks&) {
      stopped.set_value();
      go_on.get_future().wait();
    });
  });
  stopped.get_future().wait();
  const auto send = [&](size_t bytes) {
    return a.on_loop([&](BusLinks& links) {
      CHECK(links.send(id_of(2), FrameKind::kForward, 1, std::string(bytes, 'f')));
      return links.sent(id_of(2));
    });
  };
  const auto kept = [&](const BusLinks::Sent& sent, int64_t still_ms = 0) {
    a.on_loop([&](BusLinks& links) { links.reset_unless_arrived(sent, still_ms, "taken back"); });
    return a.connected_to(b);
  };
  const BusLinks::Sent small = send(100);
  CHECK(small.link != 0);
  CHECK(eventually([&] { return a.on_loop([&](BusLinks& links) { return links.arrived(small); }); }));
  CHECK(kept(small));
  const BusLinks::Sent large = send(48 << 20);
  CHECK(kept(small));
  // It may be slow only.
  CHECK(kept(large, 60'000));
  CHECK_FALSE(kept(large));
  CHECK(a.loss() == "taken back");
  CHECK_FALSE(kept(large));
  go_on.set_value();
  stopper.join();
  REQUIRE(eventually([&] { return a.connects == 2; }));
  CHECK(a.on_loop([](BusLinks& links) { return links.send(id_of(2), FrameKind::kGossip, 0, "after it"); }));
  // The small one may have gone with the connection, too.
  CHECK(eventually([&] { return after == 1; }));
  CHECK(large_ones == 0);
}

}  // namespace
}  // namespace starling::server
