#include "cluster/membership/membership.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/cluster/gossip_network.h"

namespace starling::cluster {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;

// A cluster that has met and has run for a while.
void settle(GossipNetwork* network, size_t count) {
  for (size_t i = 0; i < count; ++i) network->add();
  REQUIRE(network->run_until(kMinute, [&] { return network->all_know_all(); }));
  network->run_for(10 * kSecond);
  network->events.clear();
}

}  // namespace

TEST_CASE("membership: all nodes learn of each other from one seed") {
  for (const size_t count : {2, 3, 10, 100}) {
    CAPTURE(count);
    GossipNetwork network(gossip_seed());
    for (size_t i = 0; i < count; ++i) network.add();
    CHECK(network.run_until(20 * kSecond, [&] { return network.all_know_all(); }));
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < count; ++j) CHECK(network.at(i).healthy(GossipNetwork::id_of(j)));
      CHECK(*network.at(i).description(GossipNetwork::id_of(0)) == GossipNetwork::description_of(0));
    }
  }
}

TEST_CASE("membership: a crashed node is suspect and then down everywhere") {
  for (const size_t count : {2, 3, 10, 100}) {
    CAPTURE(count);
    GossipNetwork network(gossip_seed());
    settle(&network, count);
    CHECK(network.count(MembershipEventKind::kDown) == 0);
    network.crash(count - 1);
    const int64_t crashed_us = network.now_us();
    CHECK(network.run_until(kMinute, [&] { return network.all_see(count - 1, Phase::kDown); }));
    MESSAGE(count << " nodes: down everywhere after " << (network.now_us() - crashed_us) / 1000 << " ms");
    // Each of the others suspected it before, and nobody else was declared down.
    CHECK(network.count(MembershipEventKind::kDown) == count - 1);
    CHECK(network.count(MembershipEventKind::kSuspected) >= count - 1);
    for (const GossipNetwork::Event& event : network.events) {
      if (event.kind == MembershipEventKind::kDown) CHECK(event.node == GossipNetwork::id_of(count - 1));
    }
    CHECK(network.at(0).figures().down == 1);
    CHECK(network.at(0).figures().last_detection_us > 0);
  }
}

TEST_CASE("membership: a node that restarts is back everywhere") {
  GossipNetwork network(gossip_seed());
  settle(&network, 5);
  network.crash(4);
  REQUIRE(network.run_until(kMinute, [&] { return network.all_see(4, Phase::kDown); }));
  // It remembers nothing of its earlier life, not even its incarnation.
  network.restart(4, 1);
  CHECK(network.run_until(10 * kSecond, [&] { return network.all_see(4, Phase::kAlive); }));
  CHECK(network.at(4).incarnation() > 1);
  CHECK(network.count(MembershipEventKind::kBack) >= 4);
}

// Its numbers begin with the milliseconds of its clock.
TEST_CASE(
    "membership: what a node says of itself counts though its clock was decades ahead before it restarted") {
  GossipNetwork network(gossip_seed());
  network.add();
  network.add();
  network.add(uint64_t{60} * 365 * 86'400'000);
  REQUIRE(network.run_until(kMinute, [&] { return network.all_know_all(); }));
  network.crash(2);
  network.restart(2, 1);
  NodeDescription moved = GossipNetwork::description_of(2);
  moved.accepts_writes = !moved.accepts_writes;
  network.at(2).set_description(moved);
  CHECK(network.run_until(kMinute, [&] {
    return *network.at(0).description(GossipNetwork::id_of(2)) == moved &&
           *network.at(1).description(GossipNetwork::id_of(2)) == moved;
  }));
}

TEST_CASE(
    "membership: two lives of a node that begin at one moment do not give one version to two descriptions") {
  for (int changes = 0; changes < 4; ++changes) {
    GossipNetwork network(gossip_seed());
    settle(&network, 3);
    NodeDescription former = GossipNetwork::description_of(2), present = former;
    former.accepts_writes = !former.accepts_writes;
    network.at(2).set_description(former);
    const auto all_know = [&](const NodeDescription& description) {
      return network.run_until(kMinute, [&] {
        return *network.at(0).description(GossipNetwork::id_of(2)) == description &&
               *network.at(1).description(GossipNetwork::id_of(2)) == description;
      });
    };
    REQUIRE(all_know(former));
    network.crash(2);
    network.restart(2, 1);
    for (int i = 0; i < changes; ++i) {
      present.weight = static_cast<uint32_t>(2 + i);
      network.at(2).set_description(present);
    }
    CHECK(all_know(present));
  }
}

}  // namespace starling::cluster
