// Who is refused: other secrets, clusters, nodes; those that talk nonsense, and more strangers than there may be.
#include "tests/unit/server/bus/bus_node.h"

namespace starling::server {
namespace {

using namespace bus_test;

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
  CHECK(eventually([&] { return a.last_failure() == "it is node 02020202, not 03030303"; }));
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

}  // namespace
}  // namespace starling::server
