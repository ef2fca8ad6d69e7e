#include "cluster/topology/preference_list.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/unit/cluster/topology_fixture.h"

namespace starling::cluster {
namespace {

// The rule in its plainest form: again and again the first node clockwise whose data centre, and then whose
// rack in it, has the fewest nodes taken, among those that still have nodes to take.
std::vector<NodeIndex> plain_walk(const Topology& topology, uint32_t partition) {
  std::vector<NodeIndex> order;
  for (size_t i = 0; i < topology.owners.size(); ++i) {
    const NodeIndex owner = topology.owners[(partition + i) % topology.owners.size()];
    if (std::find(order.begin(), order.end(), owner) == order.end()) order.push_back(owner);
  }
  std::vector<NodeIndex> taken;
  const auto datacenter = [&](NodeIndex node) { return topology.members[node].datacenter; };
  const auto rack = [&](NodeIndex node) { return datacenter(node) + "/" + topology.members[node].rack; };
  while (!order.empty()) {
    std::map<std::string, int> in_datacenter, in_rack;
    for (const NodeIndex node : taken) ++in_datacenter[datacenter(node)], ++in_rack[rack(node)];
    const auto fewest_in_datacenter = [&](NodeIndex node) {
      for (const NodeIndex other : order)
        if (in_datacenter[datacenter(other)] < in_datacenter[datacenter(node)]) return false;
      return true;
    };
    const auto fewest_in_rack = [&](NodeIndex node) {
      for (const NodeIndex other : order)
        if (datacenter(other) == datacenter(node) && in_rack[rack(other)] < in_rack[rack(node)]) return false;
      return true;
    };
    for (auto at = order.begin(); at != order.end(); ++at) {
      if (!fewest_in_datacenter(*at) || !fewest_in_rack(*at)) continue;
      taken.push_back(*at);
      order.erase(at);
      break;
    }
  }
  return taken;
}

std::vector<NodeIndex> walked(const PreferenceTable& table, uint32_t partition, size_t limit = SIZE_MAX) {
  std::vector<NodeIndex> nodes;
  table.walk(partition, [&](NodeIndex node) {
    nodes.push_back(node);
    return nodes.size() < limit;
  });
  return nodes;
}

Topology random_places(uint64_t seed, size_t nodes, uint32_t racks, uint32_t datacenters, uint32_t replicas) {
  engine::SeededRandom random(seed);
  std::vector<Member> members;
  for (size_t i = 0; i < nodes; ++i)
    members.push_back(make_member(&random, 50 + static_cast<uint32_t>(random.below(100)),
                                  "r" + std::to_string(random.below(racks)),
                                  "d" + std::to_string(random.below(datacenters))));
  return make_topology(members, replicas);
}

}  // namespace

TEST_CASE("preference lists: the walk follows the rule, and the lists are its beginning") {
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    const Topology topology = random_places(seed, 1 + seed, 1 + seed % 5, 1 + seed % 3, 1 + seed % 6);
    const PreferenceTable table(topology);
    CHECK(table.width() == std::min<size_t>(topology.replicas, topology.members.size()));
    for (uint32_t partition = 0; partition < engine::kPartitionCount; partition += 531) {
      const std::vector<NodeIndex> expected = plain_walk(topology, partition);
      CHECK(walked(table, partition) == expected);
      const auto list = table.replicas(partition);
      CHECK(std::vector<NodeIndex>(list.begin(), list.end()) ==
            std::vector<NodeIndex>(expected.begin(), expected.begin() + table.width()));
    }
  }
}

TEST_CASE("preference lists: a list starts with the partition's owner and names nobody twice") {
  const Topology topology = random_places(77, 40, 7, 2, 5);
  const PreferenceTable table(topology);
  for (uint32_t partition = 0; partition < engine::kPartitionCount; ++partition) {
    const auto list = table.replicas(partition);
    REQUIRE(list.size() == 5);
    CHECK(list[0] == topology.owners[partition]);
    CHECK(std::set<NodeIndex>(list.begin(), list.end()).size() == 5);
    CHECK(table.is_replica(partition, list[4]));
  }
}

TEST_CASE("preference lists: racks and data centres are not repeated while others are left") {
  engine::SeededRandom random(3);
  std::vector<Member> members;
  for (int i = 0; i < 24; ++i)
    members.push_back(make_member(&random, 100, "r" + std::to_string(i % 4), i % 2 == 0 ? "north" : "south"));
  for (const uint32_t replicas : {2u, 3u, 4u, 5u}) {
    const Topology topology = make_topology(members, replicas);
    const PreferenceTable table(topology);
    for (uint32_t partition = 0; partition < engine::kPartitionCount; ++partition) {
      std::map<std::string, uint32_t> datacenters, racks;
      for (const NodeIndex node : table.replicas(partition)) {
        ++datacenters[topology.members[node].datacenter];
        ++racks[topology.members[node].datacenter + topology.members[node].rack];
      }
      CHECK(datacenters.size() == 2);
      CHECK(std::max(datacenters["north"], datacenters["south"]) == (replicas + 1) / 2);
      CHECK(racks.size() == std::min(replicas, 4u));
    }
  }
}

TEST_CASE("preference lists: a walk ends when it is told to") {
  const Topology topology = random_places(5, 9, 3, 1, 3);
  const PreferenceTable table(topology);
  CHECK(walked(table, 16'383, 1).size() == 1);
  CHECK(walked(table, 16'383, 4).size() == 4);
  CHECK(walked(table, 16'383).size() == 9);
}

TEST_CASE("preference lists: members without partitions are in none") {
  engine::SeededRandom random(6);
  std::vector<Member> members;
  for (int i = 0; i < 5; ++i) members.push_back(make_member(&random, 100, i == 2 ? "only here" : "r"));
  members[2].state = MemberState::kJoining;
  const Topology topology = make_topology(members, 16);
  const PreferenceTable table(topology);
  CHECK(table.width() == 4);
  for (uint32_t partition = 0; partition < engine::kPartitionCount; partition += 100) {
    CHECK_FALSE(table.is_replica(partition, topology.index_of(members[2].id)));
    CHECK(walked(table, partition).size() == 4);
  }
}

TEST_CASE("preference lists: one node holds everything") {
  engine::SeededRandom random(8);
  const Topology topology = make_topology({make_member(&random)});
  const PreferenceTable table(topology);
  CHECK(table.width() == 1);
  CHECK(table.replicas(0)[0] == 0);
  CHECK(walked(table, 5) == std::vector<NodeIndex>{0});
}

}  // namespace starling::cluster
