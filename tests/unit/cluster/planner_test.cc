#include "cluster/topology/planner.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "cluster/topology/fair_share.h"
#include "cluster/topology/preference_list.h"
#include "tests/unit/cluster/topology_fixture.h"

namespace starling::cluster {
namespace {

constexpr uint32_t kPartitions = engine::kPartitionCount;

struct Loads {
  std::vector<double> partitions, fair_partitions;  // Owned, and by weight.
  std::vector<double> lists, fair_lists;  // In how many preference lists, and by weight within the rule.
};

Loads loads_of(const Topology& topology) {
  const size_t count = topology.members.size();
  Loads loads{std::vector<double>(count), std::vector<double>(count), std::vector<double>(count),
              std::vector<double>(count)};
  const PreferenceTable table(topology);
  double weight = 0;
  for (const Member& member : topology.members) weight += member.weight;
  const Places places(topology.members, topology.owners);
  const std::vector<int64_t> shares = replica_shares(topology.members, places, topology.replicas);
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    loads.partitions[topology.owners[partition]] += 1;
    for (const NodeIndex node : table.replicas(partition)) loads.lists[node] += 1;
  }
  for (size_t i = 0; i < count; ++i) {
    loads.fair_partitions[i] = kPartitions * (topology.members[i].weight / weight);
    loads.fair_lists[i] = kPartitions * (static_cast<double>(shares[i]) / static_cast<double>(kWholeList));
  }
  return loads;
}

// How many partitions a position of the ring stands for: the longest runs that all owners keep together.
uint32_t run_of(const Topology& topology) {
  uint32_t run = 64;
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    while (topology.owners[partition] != topology.owners[partition - partition % run]) run /= 2;
  }
  return run;
}

// Partitions within 1 %, and exactly where a position is one partition: rounded down or up. Lists within
// `percent`, or N where one partition more or less is that much.
void check_balance(const Topology& topology, double percent = 1) {
  const Loads loads = loads_of(topology);
  const uint32_t run = run_of(topology);
  for (size_t i = 0; i < loads.lists.size(); ++i) {
    CAPTURE(i);
    CAPTURE(loads.lists.size());
    CAPTURE(run);
    const double off = std::abs(loads.partitions[i] - loads.fair_partitions[i]);
    CHECK(off < run);
    if (run > 1) CHECK(off <= loads.fair_partitions[i] / 100);
    CHECK(std::abs(loads.lists[i] - loads.fair_lists[i]) <=
          std::max(loads.fair_lists[i] * percent / 100, static_cast<double>(topology.replicas)));
  }
}

std::vector<Member> make_members(uint64_t seed, size_t count, bool equal, uint32_t racks = 1) {
  engine::SeededRandom random(seed);
  std::vector<Member> members;
  for (size_t i = 0; i < count; ++i)
    members.push_back(make_member(&random, equal ? 100 : 50 + static_cast<uint32_t>(random.below(151)),
                                  "r" + std::to_string(i % racks)));
  return members;
}

struct Movement {
  uint32_t all = 0;
  uint32_t between_old = 0;  // From a member that stays to one that was there before.
  std::map<NodeId, uint32_t> received;
};

Movement movement(const Topology& before, const Topology& after) {
  Movement moved;
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    const NodeId& from = before.members[before.owners[partition]].id;
    const NodeId& to = after.members[after.owners[partition]].id;
    if (from == to) continue;
    ++moved.all;
    ++moved.received[to];
    moved.between_old += after.index_of(from) != kNoNode && before.index_of(to) != kNoNode;
  }
  return moved;
}

}  // namespace

TEST_CASE("planner: every node owns and holds its share, with equal and with random weights") {
  for (const size_t count : {1, 2, 3, 4, 5, 10, 100, 1000}) {
    check_balance(make_topology(make_members(count, count, true)));
    check_balance(make_topology(make_members(count + 1, count, false)), count <= 5 ? 2 : 1);
  }
}

TEST_CASE("planner: every node owns and holds its share where racks have equal weight") {
  for (const uint32_t racks : {3, 4, 6}) {
    for (const size_t nodes_in_rack : {1, 2, 10, 100})
      check_balance(make_topology(make_members(racks, racks * nodes_in_rack, true, racks)));
  }
}

TEST_CASE("planner: fair shares follow weights until a node is in every list") {
  std::vector<Member> members = make_members(1, 4, true);
  members[0].weight = 1000;
  const std::vector<NodeIndex> all = {0, 1, 2, 3};
  members = sorted(members);
  const std::vector<int64_t> shares = replica_shares(members, Places(members, all), 3);
  for (size_t i = 0; i < 4; ++i) {
    const double expected = members[i].weight == 1000 ? 1 : 2.0 / 3;
    CHECK(static_cast<double>(shares[i]) / kWholeList == doctest::Approx(expected).epsilon(0.001));
  }
}

TEST_CASE("planner: fair shares follow the rule for racks: one rack's only node is in every list") {
  std::vector<Member> members = make_members(2, 5, true);
  for (size_t i = 0; i < 5; ++i) members[i].rack = i < 2 ? "a" : i < 4 ? "b" : "c";
  members = sorted(members);
  const std::vector<NodeIndex> all = {0, 1, 2, 3, 4};
  const std::vector<int64_t> shares = replica_shares(members, Places(members, all), 3);
  for (size_t i = 0; i < 5; ++i)
    CHECK(static_cast<double>(shares[i]) / kWholeList ==
          doctest::Approx(members[i].rack == "c" ? 1 : 0.5).epsilon(0.001));
}

TEST_CASE("planner: the same owners whichever order the members are given in") {
  for (const size_t count : {5, 60}) {
    std::vector<Member> members = make_members(9, count, false, 4);
    const Topology before = make_topology(members);
    members.pop_back();
    const std::vector<NodeIndex> after = plan(members, &before, 3);
    engine::SeededRandom random(4);
    for (int i = 0; i < 5; ++i) {
      for (size_t j = members.size(); j > 1; --j) std::swap(members[j - 1], members[random.below(j)]);
      CHECK(plan(members, &before, 3) == after);
    }
  }
}

TEST_CASE("planner: nothing moves when nothing changes") {
  for (const size_t count : {1, 3, 10, 300}) {
    const std::vector<Member> members = make_members(count, count, false, 3);
    const Topology before = make_topology(members);
    const Topology after = make_topology(members, 3, &before);
    // Where replicas are out of balance as racks have it, mending may go on.
    CHECK(movement(before, after).all <= kMaxMendedPartitions);
    if (count <= 3) CHECK(movement(before, after).all == 0);
  }
}

TEST_CASE("planner: who joins takes its share from all, and nothing moves between the others") {
  for (const size_t count : {1, 2, 3, 4, 9, 99, 999}) {
    CAPTURE(count);
    std::vector<Member> members = make_members(count, count, true);
    const Topology before = make_topology(members);
    engine::SeededRandom random(count + 50);
    members.push_back(make_member(&random, 100, "r0"));
    const Topology after = make_topology(members, 3, &before);
    check_balance(after);
    const Movement moved = movement(before, after);
    const double share = static_cast<double>(kPartitions) / static_cast<double>(count + 1);
    CHECK(std::abs(moved.received.at(members.back().id) - share) < run_of(after));
    CHECK(moved.between_old == 0);
  }
}

TEST_CASE("planner: who leaves is replaced by all others alike, and nothing else moves") {
  for (const size_t count : {2, 3, 4, 5, 10, 100}) {
    CAPTURE(count);
    std::vector<Member> members = make_members(count, count, true);
    const Topology before = make_topology(members);
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(count / 2));
    const Topology after = make_topology(members, 3, &before);
    check_balance(after);
    const Movement moved = movement(before, after);
    // Runs that become longer or finer may leave replicas to mend.
    CHECK(moved.between_old <= kMaxMendedPartitions);
    CHECK(moved.received.size() == count - 1);
    // Rounded to positions before and after.
    const uint32_t run = run_of(after);
    for (const auto& [id, received] : moved.received) {
      CHECK(received + 2 * run > moved.all / (count - 1));
      CHECK(received <= moved.all / (count - 1) + 2 * run);
    }
  }
}

TEST_CASE("planner: a changed weight moves the difference") {
  std::vector<Member> members = make_members(12, 10, true);
  const Topology before = make_topology(members);
  members[3].weight = 200;
  const Topology after = make_topology(members, 3, &before);
  check_balance(after);
  const Movement moved = movement(before, after);
  CHECK(moved.between_old == moved.received.at(members[3].id));
  CHECK(moved.all <= kPartitions * (2.0 / 11 - 1.0 / 10) + 2 * run_of(after));
}

TEST_CASE("planner: the walk past a lost node leads to all the others") {
  const Topology topology = make_topology(make_members(20, 10, true));
  const PreferenceTable table(topology);
  std::map<NodeIndex, uint32_t> fallbacks;
  uint32_t lists = 0;
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    if (!table.is_replica(partition, 0)) continue;
    ++lists;
    size_t place = 0;
    table.walk(partition, [&](NodeIndex node) {
      if (place++ < 3) return true;
      ++fallbacks[node];
      return false;
    });
  }
  REQUIRE(fallbacks.size() == 9);
  // Even, but for chance.
  for (const auto& [node, count] : fallbacks) {
    CHECK(count > lists / 9 / 2);
    CHECK(count < lists / 9 * 3 / 2);
  }
}

TEST_CASE("planner: the load of a lost node goes to all the others") {
  for (const size_t count : {4, 5, 7, 10, 30}) {
    const Topology topology = make_topology(make_members(count + 3, count, true));
    const PreferenceTable table(topology);
    for (NodeIndex lost = 0; lost < count; ++lost) {
      std::vector<uint32_t> led(count, 0);
      for (uint32_t partition = 0; partition < kPartitions; ++partition) {
        const auto list = table.replicas(partition);
        ++led[list[0] == lost ? list[1] : list[0]];
      }
      const auto mean = static_cast<double>(kPartitions) / static_cast<double>(count - 1);
      CAPTURE(count);
      CHECK(*std::max_element(led.begin(), led.end()) < mean * 1.15);
    }
  }
}

TEST_CASE("planner: partitions with the same replicas are in runs, as long as shares allow") {
  for (const size_t count : {1, 3, 5, 10, 64, 65, 200}) {
    CAPTURE(count);
    const Topology topology = make_topology(make_members(count + 7, count, true));
    uint32_t run = 64;
    while (run > 1 && kPartitions / run < 128 * count) run /= 2;
    CHECK(run_of(topology) >= run);
    const PreferenceTable table(topology);
    uint32_t runs = 1;
    for (uint32_t partition = 1; partition < kPartitions; ++partition) {
      const auto before = table.replicas(partition - 1);
      runs += !std::equal(before.begin(), before.end(), table.replicas(partition).begin());
    }
    CHECK(runs <= kPartitions / run + count);
    if (count == 3) CHECK(runs <= 600);
  }
}

TEST_CASE("planner: runs become finer as members join, and not before a share is small") {
  engine::SeededRandom random(77);
  std::vector<Member> members = make_members(3, 3, true);
  Topology topology = make_topology(members);
  CHECK(run_of(topology) == 32);
  for (const uint32_t run : {32, 16, 16, 16, 16, 8}) {
    members.push_back(make_member(&random, 100, "r0"));
    CAPTURE(members.size());
    const Topology before = topology;
    topology = make_topology(members, 3, &before);
    CHECK(run_of(topology) == run);
    CHECK(movement(before, topology).between_old <= kMaxMendedPartitions);
    check_balance(topology);
  }
  // A light one has a share of so many positions too.
  members.push_back(make_member(&random, 10, "r0"));
  const Topology before = topology;
  topology = make_topology(members, 3, &before);
  CHECK(run_of(topology) == 1);
  // What it got in less than a run is in the lists of the whole run before it: mended over two plans.
  check_balance(topology, 15);
  check_balance(make_topology(members, 3, &topology));
}

TEST_CASE("planner: owners that are in no runs stay where they are") {
  std::vector<Member> members = make_members(14, 3, true);
  Topology before = make_topology(members);
  for (uint32_t partition = 0; partition < kPartitions; ++partition)
    before.owners[partition] = static_cast<NodeIndex>(partition % 3);
  const Topology after = make_topology(members, 3, &before);
  CHECK(movement(before, after).all == 0);
}

TEST_CASE("planner: members that are not active own nothing, and the least weight owns something") {
  std::vector<Member> members = make_members(30, 6, true);
  members[0].state = MemberState::kJoining;
  members[1].state = MemberState::kLeaving;
  members[2].weight = 1;
  members[3].weight = kMaxWeight;
  members[4].weight = kMaxWeight;
  members[5].weight = kMaxWeight;
  const Topology topology = make_topology(members);
  std::map<NodeId, uint32_t> owned;
  for (const NodeIndex owner : topology.owners) ++owned[topology.members[owner].id];
  CHECK(owned.count(members[0].id) == 0);
  CHECK(owned.count(members[1].id) == 0);
  CHECK(owned[members[2].id] == 1);
}

TEST_CASE("planner: a long history of changes stays in balance") {
  const uint64_t seed = first_seed();
  INFO("seed " << seed);
  engine::SeededRandom random(seed ^ 0xabcdef);
  std::vector<Member> members = make_members(seed, 12, true);
  Topology topology = make_topology(members);
  for (int change = 0; change < 30; ++change) {
    CAPTURE(change);
    if (random.below(2) == 0 && members.size() > 6) {
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(random.below(members.size())));
    } else {
      members.push_back(make_member(&random, 100, "r0"));
    }
    const Topology before = topology;
    topology = make_topology(members, 3, &before);
    check_balance(topology);
    CHECK(movement(before, topology).between_old <= kMaxMendedPartitions);
  }
}

}  // namespace starling::cluster
