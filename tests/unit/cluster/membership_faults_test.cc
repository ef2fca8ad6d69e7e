// What must not bring a living node down, and what must bring a dead one down all the same.
#include <doctest/doctest.h>

#include <algorithm>

#include "cluster/membership/membership.h"
#include "tests/unit/cluster/gossip_network.h"

namespace starling::cluster {
namespace {

constexpr int64_t kMillisecond = 1'000;
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;

void settle(GossipNetwork* network, size_t count) {
  for (size_t i = 0; i < count; ++i) network->add();
  REQUIRE(network->run_until(2 * kMinute, [&] { return network->all_know_all(); }));
  network->run_for(10 * kSecond);
  network->events.clear();
}

size_t count_by(const GossipNetwork& network, size_t observer, MembershipEventKind kind) {
  return static_cast<size_t>(std::count_if(
      network.events.begin(), network.events.end(),
      [&](const GossipNetwork::Event& event) { return event.observer == observer && event.kind == kind; }));
}

bool all_alive(GossipNetwork* network) {
  for (size_t i = 0; i < network->size(); ++i) {
    if (!network->all_see(i, Phase::kAlive)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("membership faults: loss, delay, duplication and reordering bring nobody down in hours") {
  struct Case {
    size_t nodes;
    double loss;
    int64_t max_delay_us;
    int64_t duration_us;
  };
  const Case cases[] = {{3, 0.1, 50 * kMillisecond, 120 * kMinute},
                        {3, 0.2, 300 * kMillisecond, 120 * kMinute},
                        {10, 0.2, 300 * kMillisecond, 30 * kMinute}};
  for (const Case& faults : cases) {
    CAPTURE(faults.nodes);
    CAPTURE(faults.loss);
    GossipNetwork network(gossip_seed());
    network.loss = faults.loss;
    network.duplication = 0.1;
    network.max_delay_us = faults.max_delay_us;
    settle(&network, faults.nodes);
    network.run_for(faults.duration_us);
    CHECK(network.count(MembershipEventKind::kDown) == 0);
    MESSAGE(faults.nodes << " nodes, loss " << faults.loss << ": "
                         << network.count(MembershipEventKind::kSuspected) << " suspicions in "
                         << faults.duration_us / kMinute << " minutes");
    // The same network still finds a crash.
    network.crash(1);
    CHECK(network.run_until(kMinute, [&] { return network.all_see(1, Phase::kDown); }));
  }
}

TEST_CASE("membership faults: a paused process accuses nobody when it wakes up, and refutes what was said") {
  for (const int64_t pause_us : {600 * kMillisecond, 3 * kSecond, 60 * kSecond, 60 * kMinute}) {
    CAPTURE(pause_us);
    GossipNetwork network(gossip_seed());
    settle(&network, 5);
    network.pause(2);
    network.run_for(pause_us);
    const bool was_down = network.all_see(2, Phase::kDown);
    if (pause_us < kSecond) CHECK_FALSE(was_down);
    if (pause_us >= 60 * kSecond) CHECK(was_down);
    network.resume(2);
    CHECK(network.run_until(10 * kSecond, [&] { return all_alive(&network); }));
    network.run_for(10 * kSecond);
    CHECK(all_alive(&network));
    CHECK(count_by(network, 2, MembershipEventKind::kSuspected) == 0);
    CHECK(count_by(network, 2, MembershipEventKind::kDown) == 0);
    if (was_down) {
      CHECK(count_by(network, 2, MembershipEventKind::kRefuted) > 0);
      CHECK(network.at(2).incarnation() > 1);
    }
    CHECK(network.at(2).figures().pauses == (pause_us >= 3 * kSecond ? 1 : 0));
  }
}

TEST_CASE("membership faults: who cannot reach a node that others reach routes around it, and no more") {
  // Nothing gets from node 0 to node 1, or the other way round, or either way.
  for (const int direction : {1, 2, 3}) {
    CAPTURE(direction);
    GossipNetwork network(gossip_seed());
    settle(&network, 5);
    network.cut = [direction](size_t from, size_t to) {
      return ((direction & 1) != 0 && from == 0 && to == 1) || ((direction & 2) != 0 && from == 1 && to == 0);
    };
    CHECK(network.run_until(20 * kSecond, [&] {
      return network.phase(0, 1) == Phase::kSuspect && network.phase(1, 0) == Phase::kSuspect;
    }));
    network.run_for(30 * kMinute);
    CHECK(network.phase(0, 1) == Phase::kSuspect);
    CHECK(network.phase(1, 0) == Phase::kSuspect);
    CHECK_FALSE(network.at(0).healthy(GossipNetwork::id_of(1)));
    CHECK(network.count(MembershipEventKind::kDown) == 0);
    CHECK(network.all_see(1, Phase::kAlive, {2, 3, 4}));
    CHECK(network.all_see(0, Phase::kAlive, {2, 3, 4}));
    network.cut = nullptr;
    CHECK(network.run_until(5 * kSecond, [&] { return all_alive(&network); }));
  }
}

TEST_CASE("membership faults: a node that nobody hears but that hears all is down, and back when heard") {
  GossipNetwork network(gossip_seed());
  settle(&network, 5);
  network.cut = [](size_t from, size_t) { return from == 3; };
  CHECK(network.run_until(kMinute, [&] { return network.all_see(3, Phase::kDown); }));
  CHECK(network.count(MembershipEventKind::kDown) == 4);
  network.cut = nullptr;
  CHECK(network.run_until(10 * kSecond, [&] { return all_alive(&network); }));
}

TEST_CASE("membership faults: a cluster split in two sees the other half down, and heals") {
  for (const size_t count : {6, 40}) {
    CAPTURE(count);
    GossipNetwork network(gossip_seed());
    settle(&network, count);
    const size_t half = count / 2;
    network.cut = [half](size_t from, size_t to) { return (from < half) != (to < half); };
    CHECK(network.run_until(kMinute, [&] {
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < count; ++j) {
          if ((i < half) != (j < half) && network.phase(i, j) != Phase::kDown) return false;
        }
      }
      return true;
    }));
    MESSAGE(count << " nodes: the other half down after " << [&] {
      int64_t longest_us = 0;
      for (const auto& event : network.events) longest_us = std::max(longest_us, event.silence_us);
      return longest_us / 1000;
    }() << " ms");
    CHECK(network.count(MembershipEventKind::kDown) == 2 * half * half);
    network.run_for(2 * kMinute);
    const int64_t healed_us = network.now_us();
    network.cut = nullptr;
    CHECK(network.run_until(kMinute, [&] { return all_alive(&network); }));
    MESSAGE(count << " nodes: all alive " << (network.now_us() - healed_us) / 1000
                  << " ms after the cut healed");
    network.run_for(kMinute);
    CHECK(all_alive(&network));
  }
}

TEST_CASE("membership faults: a removed id never comes back") {
  GossipNetwork network(gossip_seed());
  network.recorded = 3;
  settle(&network, 5);
  for (const size_t node : {0, 1, 2, 4}) {
    network.at(node).remove(GossipNetwork::id_of(3));
    network.at(node).remove(GossipNetwork::id_of(3));
    CHECK(network.at(node).size() == 4);
  }
  const auto nobody_knows_it = [&] {
    for (const size_t node : {0, 1, 2, 4}) {
      if (network.phase(node, 3).has_value() || network.at(node).healthy(GossipNetwork::id_of(3)))
        return false;
    }
    return true;
  };
  // It still runs, and believes itself a member.
  network.run_for(kMinute);
  CHECK(nobody_knows_it());
  network.crash(3);
  network.run_for(kMinute);
  REQUIRE(network.sent_by_last.size() > 100);
  for (size_t i = 0; i < network.sent_by_last.size(); i += 7)
    network.replay(3, i % 3, network.sent_by_last[i]);
  network.restart(3, 1'000'000);
  network.run_for(kMinute);
  CHECK(nobody_knows_it());
  GossipOutput out;
  CHECK_FALSE(
      network.at(0).learn(GossipNetwork::id_of(3), GossipNetwork::description_of(3), network.now_us(), &out));
  // The others go on.
  for (const size_t node : {0, 1, 2, 4}) CHECK(network.all_see(node, Phase::kAlive, {0, 1, 2, 4}));
}

TEST_CASE("membership faults: old messages of a node that is down do not bring it back") {
  GossipNetwork network(gossip_seed());
  network.recorded = 2;
  settle(&network, 5);
  network.crash(2);
  REQUIRE(network.run_until(kMinute, [&] { return network.all_see(2, Phase::kDown); }));
  for (const std::string& bytes : network.sent_by_last) {
    for (const size_t to : {0, 1, 3, 4}) network.replay(2, to, bytes);
  }
  network.run_for(10 * kSecond);
  CHECK(network.all_see(2, Phase::kDown));
  CHECK(network.count(MembershipEventKind::kBack) == 0);
}

}  // namespace starling::cluster
