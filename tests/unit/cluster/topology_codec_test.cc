#include "cluster/topology/topology_codec.h"

#include <doctest/doctest.h>

#include <functional>

#include "cluster/topology/transition.h"
#include "tests/unit/cluster/topology_fixture.h"

namespace starling::cluster {
namespace {

Topology sample() {
  engine::SeededRandom random(1);
  std::vector<Member> members;
  for (int i = 0; i < 5; ++i)
    members.push_back(make_member(&random, 1 + i * 2'000, i % 2 == 0 ? "a" : "b", "north"));
  std::vector<Member> present = members;
  present.erase(present.begin() + 1);
  Topology topology;
  REQUIRE(begin_transition(make_topology(present), {{members[1]}, {members[3].id}, {}}, &topology).ok());
  topology.epoch = 300;
  topology.hash_seed = 0x0123456789abcdef;
  topology.removed = {random_id(&random), random_id(&random)};
  std::sort(topology.removed.begin(), topology.removed.end());
  return topology;
}

}  // namespace

TEST_CASE("topology: what is written is read back") {
  const Topology topology = sample();
  REQUIRE(check(topology).ok());
  const std::string bytes = encoded(topology);
  Topology back;
  REQUIRE(decode_topology(bytes, &back).ok());
  CHECK(back == topology);
  CHECK(encoded(back) == bytes);
  CHECK(bytes.size() < 34'000);
  CHECK(bytes[0] == 3);
}

TEST_CASE("topology: without a hash seed it is what releases before seeds read") {
  Topology topology = switched(sample());
  topology = finished(topology);
  topology.hash_seed = 0;
  const std::string bytes = encoded(topology);
  CHECK(bytes[0] == 1);
  topology.hash_seed = 7;
  CHECK(encoded(topology)[0] == 2);
  CHECK(encoded(topology).size() == bytes.size() + 8);
  topology.hash_seed = 0;
  Topology back;
  back.hash_seed = 5;
  REQUIRE(decode_topology(bytes, &back).ok());
  CHECK(back == topology);
}

TEST_CASE("topology: a cluster of the greatest size fits") {
  engine::SeededRandom random(2);
  std::vector<Member> members;
  for (uint32_t i = 0; i < kMaxMembers; ++i) {
    members.push_back(
        make_member(&random, kMaxWeight, std::string(kMaxPlaceBytes, 'r'), std::string(kMaxPlaceBytes, 'd')));
    members.back().host = std::string(kMaxHostBytes, 'h');
  }
  const Topology topology = make_topology(members, kMaxReplicas);
  const std::string bytes = encoded(topology);
  CHECK(bytes.size() <= kMaxTopologyBytes);
  Topology back;
  REQUIRE(decode_topology(bytes, &back).ok());
  CHECK(back == topology);
}

TEST_CASE("topology: every truncation and any byte behind it are refused") {
  const std::string bytes = encoded(sample());
  Topology back;
  for (size_t size = 0; size < bytes.size(); size += size < 700 || size + 300 > bytes.size() ? 1 : 97)
    CHECK(decode_topology(std::string_view(bytes).substr(0, size), &back).code() ==
          engine::StatusCode::kCorrupt);
  CHECK(decode_topology(bytes + '\0', &back).code() == engine::StatusCode::kCorrupt);
}

TEST_CASE("topology: another format is refused as such") {
  std::string bytes = encoded(sample());
  ++bytes[0];
  Topology back;
  CHECK(decode_topology(bytes, &back).code() == engine::StatusCode::kNewerFormat);
}

TEST_CASE("topology: what is accepted after damage is what would be written") {
  const std::string bytes = encoded(sample());
  const uint64_t seed = first_seed();
  INFO("seed " << seed);
  engine::SeededRandom random(seed);
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    // Most of the bytes are owners: look for trouble at both ends too.
    size_t at = random.below(bytes.size());
    if (i % 3 == 0) at = random.below(500);
    if (i % 3 == 1) at = bytes.size() - 1 - random.below(60);
    damaged[at] = static_cast<char>(random.next());
    Topology back;
    if (!decode_topology(damaged, &back).ok()) continue;
    ++accepted;
    CHECK(encoded(back) == damaged);
  }
  CHECK(accepted > 0);
}

TEST_CASE("topology: what breaks a bound or an order is refused") {
  const std::vector<std::function<void(Topology*)>> faults = {
      [](Topology* t) { t->epoch = 0; },
      [](Topology* t) { t->cluster_id = 0; },
      [](Topology* t) { t->replicas = 0; },
      [](Topology* t) { t->replicas = kMaxReplicas + 1; },
      [](Topology* t) { t->partition_count = 8192; },
      [](Topology* t) { t->members.clear(); },
      [](Topology* t) { std::swap(t->members[0], t->members[1]); },
      [](Topology* t) { t->members[1] = t->members[0]; },
      [](Topology* t) { t->members[0].id = {}; },
      [](Topology* t) { t->members[0].host.clear(); },
      [](Topology* t) { t->members[0].host = std::string(kMaxHostBytes + 1, 'h'); },
      [](Topology* t) { t->members[0].rack = std::string(kMaxPlaceBytes + 1, 'r'); },
      [](Topology* t) { t->members[0].datacenter = std::string(kMaxPlaceBytes + 1, 'd'); },
      [](Topology* t) { t->members[0].weight = 0; },
      [](Topology* t) { t->members[0].weight = kMaxWeight + 1; },
      [](Topology* t) { t->members[0].state = static_cast<MemberState>(0); },
      [](Topology* t) { t->members[0].state = static_cast<MemberState>(5); },
      [](Topology* t) { t->members[t->owners[0]].state = MemberState::kJoining; },
      [](Topology* t) { t->members[t->transition.next_owners[0]].state = MemberState::kLeaving; },
      [](Topology* t) { t->owners.pop_back(); },
      [](Topology* t) { t->owners[9] = static_cast<NodeIndex>(t->members.size()); },
      [](Topology* t) { t->owners[9] = kNoNode; },
      [](Topology* t) { std::swap(t->removed[0], t->removed[1]); },
      [](Topology* t) { t->removed[1] = t->removed[0]; },
      [](Topology* t) { t->removed = {t->members[2].id}; },
      [](Topology* t) { t->transition.phase = static_cast<TransitionPhase>(3); },
      [](Topology* t) { t->transition.phase = TransitionPhase::kNone; },
      [](Topology* t) { t->transition = {}; },
      [](Topology* t) { t->transition.next_owners.pop_back(); },
      [](Topology* t) { t->transition.next_owners[9] = kNoNode; },
  };
  const Topology valid = sample();
  for (size_t i = 0; i < faults.size(); ++i) {
    CAPTURE(i);
    Topology topology = valid;
    faults[i](&topology);
    CHECK(check(topology).code() == engine::StatusCode::kInvalid);
  }
}

TEST_CASE("topology: members are found by id") {
  const Topology topology = sample();
  for (size_t i = 0; i < topology.members.size(); ++i) CHECK(topology.index_of(topology.members[i].id) == i);
  CHECK(topology.index_of(topology.removed[0]) == kNoNode);
  CHECK(topology.index_of(NodeId()) == kNoNode);
}

TEST_CASE("topology: who is no member may not serve by it, and is told why") {
  engine::SeededRandom random(1);
  Topology topology;
  topology.epoch = 7;
  for (int i = 0; i < 3; ++i) topology.members.push_back(make_member(&random));
  std::sort(topology.members.begin(), topology.members.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  const NodeId removed = random_id(&random), stranger = random_id(&random);
  topology.removed = {removed};
  for (const Member& member : topology.members) CHECK(check_membership(topology, member.id).ok());
  CHECK(check_membership(topology, removed).code() == engine::StatusCode::kInvalid);
  CHECK(
      check_membership(topology, removed).message() ==
      "this node, " + removed.to_string() +
          ", was removed from its cluster (epoch 7). To join anew it must start in an empty data directory");
  CHECK(check_membership(topology, stranger).message().find("is no member of its cluster") !=
        std::string::npos);
}

}  // namespace starling::cluster
