#include "cluster/membership/agreed_clock.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "engine/base/seeded_random.h"
#include "tests/unit/cluster/gossip_network.h"

namespace starling::cluster {
namespace {

constexpr int64_t kMs = 1000, kSecond = 1'000'000, kHour = 3600 * kSecond;
constexpr int64_t kTick = 200 * kMs;

// Nodes whose wall clocks are off, which measure each other with an error of up to a millisecond.
class Clocks {
 public:
  explicit Clocks(std::vector<int64_t> offsets_us) : random_(gossip_seed()) {
    for (size_t i = 0; i < offsets_us.size(); ++i) ids_.push_back(GossipNetwork::id_of(i));
    for (size_t i = 0; i < offsets_us.size(); ++i) {
      nodes_.push_back({});
      nodes_[i].offset_us = offsets_us[i];
      start(i);
    }
  }

  void start(size_t node) {
    Node& n = nodes_[node];
    n.up = true;
    // Each monotonic clock has an origin of its own.
    n.monotonic_us = static_cast<int64_t>(random_.below(1000)) * kHour;
    n.clock = std::make_unique<AgreedClock>(ids_[node], true, ClockSettings(), monotonic(node), wall(node));
    n.clock->set_members(ids_, monotonic(node));
    n.latest_us = agreed(node);
  }
  void stop(size_t node) { nodes_[node].up = false; }
  void move(size_t node, int64_t offset_us) { nodes_[node].offset_us = offset_us; }
  void cut(size_t node, bool cut) { nodes_[node].cut = cut; }

  void run(int64_t duration_us) {
    for (const int64_t end = now_us_ + duration_us; now_us_ < end; now_us_ += kTick) {
      for (size_t from = 0; from < nodes_.size(); ++from) {
        for (size_t to = 0; to < nodes_.size(); ++to) {
          if (from != to && hears(from, to) && random_.below(3) != 0) measure(from, to);
        }
      }
      for (size_t i = 0; i < nodes_.size(); ++i) tick(i);
    }
  }

  // As the true time plus this.
  int64_t agreed(size_t node) const { return monotonic(node) + nodes_[node].clock->base_us() - now_us_; }
  const AgreedClock& at(size_t node) const { return *nodes_[node].clock; }
  int64_t most_apart() const {
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i].up) continue;
      least = std::min(least, agreed(i));
      most = std::max(most, agreed(i));
    }
    return most - least;
  }
  size_t told(size_t node, ClockEventKind kind) const {
    const auto& events = nodes_[node].events;
    return static_cast<size_t>(std::count_if(events.begin(), events.end(),
                                             [kind](const auto& event) { return event.kind == kind; }));
  }
  // The furthest that the node's agreed time ever went back between two ticks.
  int64_t went_back(size_t node) const { return nodes_[node].went_back_us; }

 private:
  struct Node {
    bool up = false, cut = false;
    int64_t offset_us = 0, monotonic_us = 0;
    std::unique_ptr<AgreedClock> clock;
    std::vector<ClockEvent> events;
    int64_t latest_us = 0, went_back_us = 0;
  };

  int64_t monotonic(size_t node) const { return nodes_[node].monotonic_us + now_us_; }
  int64_t wall(size_t node) const { return now_us_ + nodes_[node].offset_us; }
  bool hears(size_t a, size_t b) const {
    return nodes_[a].up && nodes_[b].up && !nodes_[a].cut && !nodes_[b].cut;
  }
  void measure(size_t by, size_t of) {
    const int64_t error_us = static_cast<int64_t>(random_.below(1000));
    const int64_t wrong_us =
        static_cast<int64_t>(random_.below(static_cast<uint64_t>(2 * error_us + 1))) - error_us;
    const int64_t between_us = monotonic(of) - monotonic(by) + wrong_us;
    ClockReading bases = nodes_[of].clock->own();
    bases.local_us += between_us;
    bases.vote_us += between_us;
    bases.agreed_us += between_us;
    nodes_[by].clock->measured(ids_[of], bases, error_us, monotonic(by));
  }
  void tick(size_t node) {
    Node& n = nodes_[node];
    if (!n.up) return;
    n.clock->tick(monotonic(node), wall(node), &n.events);
    const int64_t time_us = monotonic(node) + n.clock->base_us();
    n.went_back_us = std::max(n.went_back_us, n.latest_us - time_us);
    n.latest_us = time_us;
  }

  engine::SeededRandom random_;
  std::vector<NodeId> ids_;
  std::vector<Node> nodes_;
  int64_t now_us_ = kHour;
};

TEST_SUITE("agreed clock") {
  TEST_CASE("a clock that is off by anything does not move the agreed time") {
    for (const int64_t off_us : {30 * kSecond, kHour, -30 * kSecond, -kHour}) {
      Clocks clocks({0, 3 * kMs, off_us});
      clocks.run(10 * kSecond);
      CHECK(clocks.most_apart() < 10 * kMs);
      for (size_t i = 0; i < 3; ++i) {
        CHECK(clocks.at(i).confirmed());
        CHECK(std::abs(clocks.agreed(i)) < 10 * kMs);
      }
      CHECK(std::abs(clocks.at(2).skew_us() - off_us) < 10 * kMs);
      CHECK(clocks.at(2).fit() == (std::abs(off_us) < 60 * kSecond));
      CHECK(clocks.at(0).fit());
    }
  }

  TEST_CASE("a jump of seconds leaves no trace, however far it goes") {
    for (const int64_t jump_us : {90 * kSecond, kHour, -kHour}) {
      Clocks clocks({0, 0, 0});
      clocks.run(5 * kSecond);
      clocks.move(1, jump_us);
      clocks.run(3 * kSecond);
      CHECK(std::abs(clocks.agreed(1)) < 10 * kMs);
      CHECK_FALSE(clocks.at(1).fit());
      clocks.move(1, 0);
      clocks.run(4 * kSecond);
      CHECK(clocks.at(1).fit());
      CHECK(clocks.at(1).jumps() == 1);
      CHECK(clocks.most_apart() < 10 * kMs);
      CHECK(clocks.told(1, ClockEventKind::kJumped) == 1);
      CHECK(clocks.told(1, ClockEventKind::kJumpOver) == 1);
      CHECK(clocks.told(1, ClockEventKind::kBeyondBound) == 1);
      CHECK(clocks.told(1, ClockEventKind::kWithinBound) == 1);
      CHECK(clocks.told(0, ClockEventKind::kSkewed) >= 1);
      CHECK(clocks.told(0, ClockEventKind::kSkewOver) == 1);
    }
  }

  TEST_CASE("a jump that lasts moves its node's vote and nothing else") {
    Clocks clocks({0, 0, 0});
    clocks.run(5 * kSecond);
    clocks.move(0, kHour);
    clocks.run(60 * kSecond);
    CHECK(clocks.told(0, ClockEventKind::kJumpFollowed) == 1);
    CHECK(clocks.most_apart() < 10 * kMs);
    CHECK(std::abs(clocks.agreed(0)) < 10 * kMs);
    CHECK_FALSE(clocks.at(0).fit());
  }

  TEST_CASE("of two nodes neither leads the other astray, and both step when both clocks were set") {
    Clocks clocks({0, 0});
    clocks.run(5 * kSecond);
    for (const int64_t jump_us : {kHour, -kHour}) {
      clocks.move(1, jump_us);
      clocks.run(60 * kSecond);
      CHECK(std::abs(clocks.agreed(0)) < 10 * kMs);
      CHECK(std::abs(clocks.agreed(1)) < 10 * kMs);
      CHECK(clocks.at(0).fit());
      CHECK_FALSE(clocks.at(1).fit());
      clocks.move(1, 0);
      clocks.run(30 * kSecond);
    }
    clocks.move(0, kHour);
    clocks.move(1, kHour);
    clocks.run(30 * kSecond);
    for (size_t i = 0; i < 2; ++i) {
      CHECK(std::abs(clocks.agreed(i) - kHour) < 10 * kMs);
      CHECK(clocks.at(i).fit());
      CHECK(clocks.told(i, ClockEventKind::kStepped) == 1);
    }
  }

  TEST_CASE("a majority whose clocks are set together is followed, at once beyond the bound, else slowly") {
    Clocks clocks({0, 0, 0, 0, 0});
    clocks.run(5 * kSecond);
    for (size_t i = 0; i < 3; ++i) clocks.move(i, 30 * kSecond);
    clocks.run(30 * kSecond);
    CHECK(clocks.most_apart() < 150 * kMs);
    CHECK(clocks.agreed(4) > 0);
    CHECK(clocks.agreed(4) < 2 * kSecond);
    clocks.run(15 * 60 * kSecond);
    CHECK(clocks.most_apart() < 10 * kMs);
    CHECK(std::abs(clocks.agreed(4) - 30 * kSecond) < 10 * kMs);
    for (size_t i = 0; i < 3; ++i) clocks.move(i, kHour);
    clocks.run(15 * kSecond);
    CHECK(clocks.most_apart() < 10 * kMs);
    CHECK(std::abs(clocks.agreed(4) - kHour) < 10 * kMs);
    CHECK_FALSE(clocks.at(4).fit());
  }

  TEST_CASE("a node that starts with a wrong clock begins by the others' time") {
    for (const int64_t off_us : {kHour, -kHour}) {
      Clocks clocks({0, 0, 0});
      clocks.run(5 * kSecond);
      clocks.stop(2);
      clocks.move(2, off_us);
      clocks.run(5 * kSecond);
      clocks.start(2);
      CHECK_FALSE(clocks.at(2).confirmed());
      clocks.run(3 * kSecond);
      CHECK(clocks.at(2).confirmed());
      CHECK(std::abs(clocks.agreed(2)) < 10 * kMs);
      // Only one of the others is there: what that one has agreed on counts, once it is clear that no more
      // come.
      clocks.stop(1);
      clocks.stop(2);
      clocks.run(kSecond);
      clocks.start(2);
      clocks.run(kSecond);
      CHECK_FALSE(clocks.at(2).confirmed());
      clocks.run(4 * kSecond);
      CHECK(clocks.at(2).confirmed());
      CHECK(std::abs(clocks.agreed(2)) < 10 * kMs);
      CHECK(std::abs(clocks.agreed(0)) < 10 * kMs);
    }
  }

  TEST_CASE("nodes that all start at once agree before any of them begins") {
    for (const int64_t off_us : {kHour, -kHour}) {
      Clocks clocks({off_us, 0, 0});
      for (int i = 0; i < 20; ++i) {
        clocks.run(kTick);
        for (size_t node = 0; node < 3; ++node) {
          if (clocks.at(node).confirmed()) CHECK(std::abs(clocks.agreed(node)) < 10 * kMs);
        }
      }
      for (size_t node = 0; node < 3; ++node) CHECK(clocks.at(node).confirmed());
    }
  }

  TEST_CASE("of five nodes two that are wrong never lead another astray, whomever it hears first") {
    engine::SeededRandom random(gossip_seed());
    for (int round = 0; round < 30; ++round) {
      const auto wrong = [&random] { return static_cast<int64_t>(random.below(2 * kHour)) - kHour; };
      Clocks clocks({wrong(), 0, 0, wrong(), 0});
      for (int i = 0; i < 14; ++i) {
        clocks.run(kTick);
        for (size_t node = 0; node < 5; ++node) {
          if (clocks.at(node).confirmed()) CHECK(std::abs(clocks.agreed(node)) < 600 * kMs);
        }
      }
      clocks.run(3 * kSecond);
      CHECK(clocks.most_apart() < 10 * kMs);
    }
  }

  TEST_CASE("a node that nobody hears goes on by what the others said") {
    Clocks clocks({0, 0, kHour});
    clocks.run(5 * kSecond);
    clocks.cut(2, true);
    clocks.run(600 * kSecond);
    CHECK(std::abs(clocks.agreed(2)) < 10 * kMs);
    // Alone from its start it waits, and then takes its own.
    clocks.stop(2);
    clocks.start(2);
    clocks.run(2 * kSecond);
    CHECK_FALSE(clocks.at(2).confirmed());
    clocks.run(2 * kSecond);
    CHECK(clocks.at(2).confirmed());
    CHECK(std::abs(clocks.agreed(2) - kHour) < 10 * kMs);
    // And it gives way to the others, who do not to it.
    clocks.cut(2, false);
    clocks.run(5 * kSecond);
    CHECK(clocks.most_apart() < 10 * kMs);
    CHECK(std::abs(clocks.agreed(0)) < 10 * kMs);
  }

  TEST_CASE("the time never goes back by more than the slewing of a tick, unless it steps") {
    engine::SeededRandom random(gossip_seed());
    for (int round = 0; round < 20; ++round) {
      Clocks clocks({0, 10 * kMs, -10 * kMs});
      clocks.run(3 * kSecond);
      for (int i = 0; i < 20; ++i) {
        clocks.move(random.below(3), static_cast<int64_t>(random.below(100)) * kMs - 50 * kMs);
        clocks.run(kSecond);
        CHECK(clocks.most_apart() < 150 * kMs);
      }
      for (size_t i = 0; i < 3; ++i) CHECK(clocks.went_back(i) <= 0);
    }
  }

  TEST_CASE("a node on its own follows its clock once a jump has lasted") {
    std::vector<ClockEvent> events;
    AgreedClock clock({}, false, {}, 0, kHour);
    CHECK(clock.ready(0));
    int64_t now_us = 0;
    const auto run = [&](int64_t duration_us, int64_t off_us) {
      for (const int64_t end = now_us + duration_us; now_us < end; now_us += kSecond)
        clock.tick(now_us, now_us + kHour + off_us, &events);
    };
    run(5 * kSecond, 0);
    run(3 * kSecond, kHour);
    CHECK(clock.base_us() == kHour);
    run(5 * kSecond, 0);
    CHECK(clock.base_us() == kHour);
    run(15 * kSecond, -kHour);
    CHECK(clock.base_us() == 0);
    CHECK(clock.ready(now_us));
    CHECK(clock.jumps() == 2);
    CHECK(events.size() == 5);
  }

  TEST_CASE("gossip measures the clocks of all, no worse than it says, however late or often messages come") {
    GossipNetwork network(gossip_seed());
    network.max_delay_us = 700 * kMs;
    network.loss = 0.1;
    network.duplication = 0.1;
    network.add_acquainted(4);
    const auto base_of = [](size_t node) { return static_cast<int64_t>(node) * kHour - kSecond; };
    for (size_t i = 0; i < 3; ++i)
      network.at(i).set_clock({base_of(i), base_of(i) + 1, base_of(i) + 2, i == 1});
    network.run_for(60 * kSecond);
    size_t counts[4][4] = {};
    for (const auto& [by, clock] : network.clocks) {
      size_t of = 0;
      while (GossipNetwork::id_of(of) != clock.node) ++of;
      ++counts[by][of];
      CHECK(clock.error_us <= 1'000 * kMs);
      CHECK(std::abs(clock.bases.local_us - base_of(of)) <= clock.error_us);
      CHECK(clock.bases.vote_us == clock.bases.local_us + 1);
      CHECK(clock.bases.agreed_us == clock.bases.local_us + 2);
      CHECK(clock.bases.confirmed == (of == 1));
    }
    for (size_t by = 0; by < 4; ++by) {
      for (size_t of = 0; of < 4; ++of) {
        // The last one has none to tell of.
        CHECK((counts[by][of] > 10) == (by != of && of != 3));
      }
    }
  }

  TEST_CASE("what strangers say does not count, and what a slow answer says not against a quick one") {
    const NodeId self = GossipNetwork::id_of(0), peer = GossipNetwork::id_of(1),
                 stranger = GossipNetwork::id_of(2);
    std::vector<ClockEvent> events;
    AgreedClock clock(self, true, {}, 0, 0);
    const NodeId members[] = {self, peer};
    clock.set_members(members, 0);
    clock.measured(stranger, {kHour, kHour, kHour, true}, 10, 0);
    CHECK(clock.peers(0).empty());
    clock.measured(peer, {100, 100, 100, true}, 10, 0);
    clock.measured(peer, {900, 900, 900, true}, 1000, kSecond);
    REQUIRE(clock.peers(kSecond).size() == 1);
    CHECK(clock.peers(kSecond)[0].skew_us == 100);
    // The peer's clock has moved: that is no matter of precision.
    clock.measured(peer, {kHour, 100, 100, true}, 1000, 2 * kSecond);
    CHECK(clock.peers(2 * kSecond)[0].skew_us == kHour);
  }
}

}  // namespace
}  // namespace starling::cluster
