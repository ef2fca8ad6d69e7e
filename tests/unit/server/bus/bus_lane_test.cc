// Large frames between two nodes, and what goes between and behind them.
#include <memory>

#include "engine/base/seeded_random.h"
#include "tests/unit/server/bus/bus_node.h"

namespace starling::server {
namespace {

using namespace bus_test;

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

}  // namespace
}  // namespace starling::server
