#include "cluster/data/read_findings.h"

#include "cluster/topology/placement.h"
#include "tests/unit/cluster/topology_fixture.h"
#include "tests/unit/engine/replicated_run.h"

namespace starling::cluster {

namespace {

using engine::TestNode;

void set(TestNode& node, const std::string& value) {
  node.with("k", [&](engine::Database& database, const engine::Key& key) {
    database.put_string(key, value, engine::kNoDeadline);
  });
}

void copy(TestNode& from, TestNode& to) {
  const std::string state = engine::state_of(from, "k");
  to.with_operation("k", 0, [&](engine::Operation& operation, const engine::Key& key) {
    (void)engine::Replica(operation, 0).merge_state(key, state);
  });
}

struct Findings {
  std::vector<NodeIndex> ahead, behind;
};

Findings find(TestNode& node, const Placement& placement, const std::vector<PeerVersion>& versions) {
  Findings findings;
  node.with_operation("k", 0, [&](engine::Operation& operation, const engine::Key& key) {
    engine::Replica replica(operation, 0);
    const Nodes ahead = nodes_ahead(replica, key, versions);
    const Nodes behind = nodes_behind(replica, key, versions, placement);
    findings.ahead.assign(ahead.begin(), ahead.end());
    findings.behind.assign(behind.begin(), behind.end());
  });
  return findings;
}

}  // namespace

TEST_CASE("read findings: who is ahead, who is behind, and whose answer counts for nothing") {
  engine::SeededRandom random(1);
  std::vector<Member> members;
  for (int i = 0; i < 5; ++i) members.push_back(make_member(&random));
  const Topology topology = make_topology(members);
  const Placement placement(topology, topology.members[0].id);
  const auto replicas = placement.replicas(engine::Key("k").partition);
  NodeIndex stranger = 0;
  while (placement.holds(engine::Key("k").partition, stranger)) ++stranger;

  TestNode here(1000, true, true), older(2000, true, true), newer(3000, true, true), apart(4000, true, true);
  set(here, "first");
  copy(here, older);
  set(here, "second");
  copy(here, newer);
  const std::string equal = engine::version_of(newer, "k");
  set(newer, "third");
  set(apart, "elsewhere");

  // Before anything is fetched: whoever has an event that is not here.
  std::vector<PeerVersion> told = {{replicas[0], equal},
                                   {replicas[1], engine::version_of(newer, "k")},
                                   {replicas[2], engine::version_of(apart, "k")},
                                   {stranger, "not a version"}};
  CHECK(find(here, placement, told).ahead == std::vector<NodeIndex>{replicas[1], replicas[2]});

  // Nobody is ahead: those who know less, or nothing at all, but no stand-in.
  told = {
      {replicas[0], equal}, {replicas[1], engine::version_of(older, "k")}, {replicas[2], ""}, {stranger, ""}};
  CHECK(find(here, placement, told).ahead.empty());
  CHECK(find(here, placement, told).behind == std::vector<NodeIndex>{replicas[1], replicas[2]});
  told[1].context = "not a version";
  CHECK(find(here, placement, told).behind == std::vector<NodeIndex>{replicas[2]});
}

TEST_CASE(
    "placement: a command goes to the first replica that can run it, and to a stand-in only if none can") {
  engine::SeededRandom random(2);
  std::vector<Member> members;
  for (int i = 0; i < 5; ++i) members.push_back(make_member(&random));
  const Topology topology = make_topology(members);
  const Placement placement(topology, topology.members[0].id);
  for (uint32_t partition = 0; partition < engine::kPartitionCount; partition += 97) {
    const auto number = static_cast<uint16_t>(partition);
    const auto replicas = placement.replicas(number);
    std::vector<NodeIndex> order;
    placement.preference.walk(number, [&](NodeIndex node) {
      order.push_back(node);
      return true;
    });
    REQUIRE(order.size() == 5);
    for (size_t down = 0; down <= order.size(); ++down) {
      const auto up = [&](NodeIndex node) {
        return std::find(order.begin() + static_cast<ptrdiff_t>(down), order.end(), node) != order.end();
      };
      const auto none = [](NodeIndex) { return false; };
      const auto all = [](NodeIndex) { return true; };
      CHECK(placement.runner(number, true, up, all) == placement.runner(number, true, up, none));
      CHECK(placement.runner(number, false, up, all) == placement.runner(number, false, up, none));
      // A replica that stands back still runs what no other replica can, rather than a node that is none.
      const auto first = [&](NodeIndex node) { return down < order.size() && node == order[down]; };
      const size_t next = down + 1 < replicas.size() ? down + 1 : down;
      CHECK(placement.runner(number, false, up, first) == (down < order.size() ? order[next] : kNoNode));
      CHECK(placement.runner(number, false, up, none) == (down < order.size() ? order[down] : kNoNode));
      CHECK(placement.runner(number, true, up, none) == (down < replicas.size() ? order[down] : kNoNode));
    }
  }
}

}  // namespace starling::cluster
