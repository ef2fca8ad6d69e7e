// Two or more nodes' links.
#include "tests/unit/server/bus/bus_node.h"

namespace starling::server {
namespace {

using namespace bus_test;

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
