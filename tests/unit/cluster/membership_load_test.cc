// What gossip costs a node, and how soon a crash is noticed, from 3 nodes to 1000.
#include <doctest/doctest.h>

#include <algorithm>

#include "cluster/membership/membership.h"
#include "tests/unit/cluster/gossip_network.h"

namespace starling::cluster {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;

struct Load {
  double messages_per_s = 0;  // sent by a node, on average
  double bytes_per_s = 0;
  uint64_t most_messages_per_s = 0;  // by the busiest node
};

Load measure(GossipNetwork* network, int64_t seconds) {
  const auto sum = [network] {
    std::pair<uint64_t, uint64_t> total;
    for (size_t i = 0; i < network->size(); ++i) {
      const GossipFigures figures = network->at(i).figures();
      total.first += figures.messages_sent;
      total.second += figures.bytes_sent;
    }
    return total;
  };
  const auto before = sum();
  network->run_for(seconds * kSecond);
  const auto after = sum();
  const auto node_seconds = static_cast<double>(network->size()) * static_cast<double>(seconds);
  Load load{static_cast<double>(after.first - before.first) / node_seconds,
            static_cast<double>(after.second - before.second) / node_seconds};
  for (size_t i = 0; i < network->size(); ++i) {
    load.most_messages_per_s =
        std::max(load.most_messages_per_s, network->at(i).figures().messages_sent_per_s);
  }
  return load;
}

}  // namespace

TEST_CASE("membership load: messages and bytes of a node do not grow with the cluster") {
  for (const size_t count : {3, 10, 100, 200}) {
    CAPTURE(count);
    GossipNetwork network(gossip_seed());
    network.add_acquainted(count);
    // Until each has heard from each other one itself what it is: no third party is believed in that.
    network.run_for(60 * kSecond);
    const Load load = measure(&network, 10);
    MESSAGE(count << " nodes: " << load.messages_per_s << " messages/s, " << load.bytes_per_s
                  << " bytes/s sent by a node; the busiest " << load.most_messages_per_s << " messages/s");
    // Five intervals a second; in each a peer at random and at most one that is nearly late; each digest has
    // one answer.
    CHECK(load.messages_per_s >= 9.9);
    CHECK(load.messages_per_s <= 20.1);
    CHECK(load.most_messages_per_s <= 45);
    // A message is 64 entries and no more.
    CHECK(load.bytes_per_s <= 40'000);
    CHECK(network.count(MembershipEventKind::kSuspected) == 0);
  }
}

// A thousand nodes that start at once and still ask each other for their descriptions, which adds a third and
// a fourth message to an exchange.
TEST_CASE("membership load: a thousand nodes that start at once cost each of them no more") {
  GossipNetwork network(gossip_seed());
  network.add_acquainted(1000);
  network.run_for(kSecond);
  const Load load = measure(&network, 2);
  MESSAGE("1000 nodes: " << load.messages_per_s << " messages/s, " << load.bytes_per_s
                         << " bytes/s sent by a node; the busiest " << load.most_messages_per_s
                         << " messages/s");
  CHECK(load.messages_per_s >= 9.9);
  CHECK(load.messages_per_s <= 40.1);
  CHECK(load.most_messages_per_s <= 100);
  CHECK(load.bytes_per_s <= 80'000);
  CHECK(network.count(MembershipEventKind::kSuspected) == 0);
}

// Takes a minute of computing: the table in cluster/README.md.
TEST_CASE("membership load: the table of detection times" * doctest::skip()) {
  for (const size_t count : {3, 10, 30, 100, 300, 1000}) {
    CAPTURE(count);
    GossipNetwork network(gossip_seed());
    network.add_acquainted(count);
    network.run_for(60 * kSecond);
    const size_t false_suspicions = network.count(MembershipEventKind::kSuspected);
    const Load load = measure(&network, 10);
    network.events.clear();
    network.crash(count / 2);
    const int64_t crashed_us = network.now_us();
    CHECK(network.run_until(2 * kMinute, [&] { return network.all_see(count / 2, Phase::kDown); }));
    std::vector<int64_t> suspected, down;
    for (const GossipNetwork::Event& event : network.events) {
      if (event.node != GossipNetwork::id_of(count / 2)) continue;
      auto& times = event.kind == MembershipEventKind::kDown ? down : suspected;
      times.push_back((event.at_us - crashed_us) / 1000);
    }
    std::sort(suspected.begin(), suspected.end());
    std::sort(down.begin(), down.end());
    MESSAGE("| " << count << " | " << load.messages_per_s << " | " << load.bytes_per_s << " | "
                 << suspected.front() << " | " << suspected[suspected.size() / 2] << " | " << down.front()
                 << " | " << down[down.size() / 2] << " | " << down.back() << " | false suspicions "
                 << false_suspicions);
  }
}

}  // namespace starling::cluster
