#include "server/cluster/partition_scope.h"

#include <doctest/doctest.h>

#include "../../cluster/topology_fixture.h"

using namespace starling::server;
using starling::cluster::kNoNode;
using starling::cluster::NodeIndex;
using starling::cluster::Placement;
using starling::engine::kPartitionCount;

namespace {

Placement placement_of(size_t nodes, uint64_t seed) {
  starling::engine::SeededRandom random(seed);
  std::vector<starling::cluster::Member> members;
  for (size_t i = 0; i < nodes; ++i) members.push_back(starling::cluster::make_member(&random));
  starling::cluster::Topology topology = starling::cluster::make_topology(std::move(members), 3);
  const starling::cluster::NodeId self = topology.members[0].id;
  return Placement(std::move(topology), self);
}

}  // namespace

TEST_CASE(
    "partition scope: each partition has one node that answers, a replica that is reached if there is one") {
  for (uint64_t seed = starling::cluster::first_seed(); seed <= starling::cluster::last_seed(5); ++seed) {
    INFO("STARLING_SEED=" << seed);
    starling::engine::SeededRandom random(seed);
    const Placement placement = placement_of(5 + random.below(6), seed);
    PartitionScope scope;
    for (NodeIndex node = 0; node < placement.topology.members.size(); ++node) {
      if (random.below(3) != 0) scope.add(node);
    }
    scope.add(0);
    const std::vector<NodeIndex> nodes = answering_nodes(placement, scope);
    REQUIRE(nodes.size() == kPartitionCount);
    size_t stand_ins = 0;
    for (uint32_t partition = 0; partition < kPartitionCount; ++partition) {
      NodeIndex expected = kNoNode;
      for (const NodeIndex node : placement.replicas(static_cast<uint16_t>(partition))) {
        if (expected == kNoNode && scope.reaches(node)) expected = node;
      }
      if (expected != kNoNode) {
        REQUIRE(nodes[partition] == expected);
      } else {
        REQUIRE(scope.reaches(nodes[partition]));
        ++stand_ins;
      }
    }
    MESSAGE("partitions of which no replica is reached: " << stand_ins);
  }
}

TEST_CASE("partition scope: stretches that one node holds follow each other to the end") {
  const Placement placement = placement_of(5, 3);
  uint32_t partition = 0;
  size_t stretches = 0;
  while (partition < kPartitionCount) {
    uint32_t longest = 0;
    for (const NodeIndex node : placement.replicas(static_cast<uint16_t>(partition))) {
      const uint32_t length = run_length(placement, partition, node);
      for (uint32_t i = 0; i < length; ++i)
        REQUIRE(placement.holds(static_cast<uint16_t>(partition + i), node));
      longest = std::max(longest, length);
    }
    REQUIRE(longest > 0);
    partition += longest;
    ++stretches;
  }
  CHECK(partition == kPartitionCount);
  CHECK(stretches < 1024);
}
