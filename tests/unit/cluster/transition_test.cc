// Changes of the ring: the topologies of the steps, when who decides about them, where writes and reads go meanwhile.
// meanwhile.
#include "cluster/topology/transition.h"

#include <doctest/doctest.h>

#include <set>

#include "cluster/handoff/handoff.h"
#include "cluster/topology/placement.h"
#include "cluster/topology/transition_driver.h"
#include "tests/unit/cluster/topology_fixture.h"

namespace starling::cluster {
namespace {

struct Ring {
  explicit Ring(int nodes, uint32_t replicas = 3) : random(7) {
    std::vector<Member> members;
    for (int i = 0; i < nodes; ++i) members.push_back(make_member(&random));
    topology = make_topology(members, replicas);
  }
  Member stranger() { return make_member(&random); }
  Topology begun(const RingChange& change) const {
    Topology next;
    REQUIRE(begin_transition(topology, change, &next).ok());
    return next;
  }

  engine::SeededRandom random;
  Topology topology;
};

std::set<NodeId> ids(const Topology& topology, std::span<const NodeIndex> places) {
  std::set<NodeId> found;
  for (const NodeIndex place : places) found.insert(topology.members[place].id);
  return found;
}

size_t common(uint64_t a, uint64_t b) {
  return static_cast<size_t>(std::popcount(a & b));
}

RingNode alive(const NodeId& id, Epoch epoch, Epoch received, std::optional<Member> joins = {}) {
  RingNode node;
  node.id = id;
  node.alive = true;
  node.epoch = epoch;
  node.received = received;
  node.joins = std::move(joins);
  return node;
}

std::vector<RingNode> all_alive(const Topology& topology, Epoch epoch, Epoch received) {
  std::vector<RingNode> nodes;
  for (const Member& member : topology.members) nodes.push_back(alive(member.id, epoch, received));
  return nodes;
}

}  // namespace

TEST_CASE("transition: a node joins, step by step") {
  Ring ring(3);
  const Member joining = ring.stranger();
  const Topology copying = ring.begun({{joining}, {}, {}});
  CHECK(check(copying).ok());
  CHECK(copying.epoch == ring.topology.epoch + 1);
  CHECK(copying.members[copying.index_of(joining.id)].state == MemberState::kJoining);
  for (uint32_t i = 0; i < copying.partition_count; ++i)
    REQUIRE(copying.members[copying.owners[i]].id == ring.topology.members[ring.topology.owners[i]].id);
  const Topology later = switched(copying);
  CHECK(check(later).ok());
  CHECK(later.transition.next_owners == copying.transition.next_owners);
  const Topology done = finished(later);
  CHECK(check(done).ok());
  CHECK(done.epoch == copying.epoch + 2);
  CHECK(done.members[done.index_of(joining.id)].state == MemberState::kActive);
  CHECK(done.owners == copying.transition.next_owners);
  CHECK(done.removed.empty());
}

TEST_CASE("transition: a node leaves, and never comes back") {
  Ring ring(4);
  const NodeId leaving = ring.topology.members[1].id;
  const Topology done = finished(switched(ring.begun({{}, {leaving}, {}})));
  CHECK(check(done).ok());
  CHECK(done.index_of(leaving) == kNoNode);
  CHECK(done.removed == std::vector<NodeId>{leaving});
  Member again = ring.topology.members[1];
  Topology next;
  CHECK_FALSE(begin_transition(done, {{again}, {}, {}}, &next).ok());
}

TEST_CASE("transition: taken back, who was to join is out and who was to leave stays") {
  Ring ring(4);
  const NodeId leaving = ring.topology.members[1].id;
  const Member joining = ring.stranger();
  const Topology back = aborted(ring.begun({{joining}, {leaving}, {}}));
  CHECK(check(back).ok());
  CHECK(back.members == ring.topology.members);
  CHECK(back.owners == ring.topology.owners);
  CHECK(back.removed == std::vector<NodeId>{joining.id});
}

TEST_CASE("transition: what cannot be is refused") {
  Ring ring(2);
  Topology next;
  const Member joining = ring.stranger();
  const NodeId first = ring.topology.members[0].id, second = ring.topology.members[1].id;
  CHECK_FALSE(begin_transition(ring.topology, {}, &next).ok());
  CHECK_FALSE(begin_transition(ring.topology, {{ring.topology.members[0]}, {}, {}}, &next).ok());
  CHECK_FALSE(begin_transition(ring.topology, {{}, {joining.id}, {}}, &next).ok());
  CHECK_FALSE(begin_transition(ring.topology, {{}, {first, second}, {}}, &next).ok());
  // Who joins holds nothing yet, and nobody may be without an owner meanwhile: but afterwards it is enough.
  CHECK_FALSE(begin_transition(ring.topology, {{}, {}, {{first, 0}}}, &next).ok());
  CHECK_FALSE(begin_transition(ring.topology, {{}, {}, {{joining.id, 5}}}, &next).ok());
  CHECK_FALSE(begin_transition(ring.begun({{joining}, {}, {}}), {{}, {first}, {}}, &next).ok());
}

TEST_CASE("transition: the weight of a node decides about its share") {
  Ring ring(4, 1);
  const NodeId heavy = ring.topology.members[2].id;
  const Topology changing = ring.begun({{}, {}, {{heavy, 300}}});
  const Load load = load_of(changing);
  CHECK(load.before[2] == 4096);
  CHECK(load.after[2] == 8192);
  CHECK(load.moved == 4096);
}

TEST_CASE("transition: quorums of writes meet those of reads, whichever steps two nodes are at") {
  for (int nodes : {1, 2, 3, 5}) {
    Ring ring(nodes);
    RingChange change{{ring.stranger(), ring.stranger()}, {}, {}};
    if (nodes > 2) change.leaves.push_back(ring.topology.members[0].id);
    const Topology copying = ring.begun(change);
    const Topology later = switched(copying);
    const Placement first(copying, copying.members[0].id), second(later, copying.members[0].id);
    size_t moving = 0;
    for (uint32_t i = 0; i < copying.partition_count; ++i) {
      const auto partition = static_cast<uint16_t>(i);
      REQUIRE(first.moving(partition) == second.moving(partition));
      for (const Placement* placement : {&first, &second}) {
        const Writers writers = placement->writers(partition);
        uint64_t all = 0;
        for (const uint64_t set : writers.sets) all |= set;
        REQUIRE(all == (uint64_t{1} << writers.nodes.size()) - 1);
        // The first set is who is read.
        const auto read = placement->replicas(partition);
        REQUIRE(std::ranges::equal(read, writers.nodes.first(read.size())));
        REQUIRE(common(writers.sets[0], ~uint64_t{0}) == read.size());
        if (!placement->moving(partition)) continue;
        REQUIRE(writers.sets.size() == 2);
        REQUIRE(common(writers.sets[1], ~uint64_t{0}) == placement->other_replicas(partition).size());
      }
      if (!first.moving(partition)) continue;
      ++moving;
      REQUIRE(ids(copying, first.replicas(partition)) == ids(later, second.other_replicas(partition)));
      REQUIRE(ids(copying, first.other_replicas(partition)) == ids(later, second.replicas(partition)));
    }
    CHECK(moving > 0);
  }
}

TEST_CASE("transition: nodes keep their numbers over epochs") {
  Ring ring(3);
  NodeNumbers numbers;
  REQUIRE(numbers.learn(ring.topology));
  const NodeId self = ring.topology.members[1].id;
  const Placement before(ring.topology, self, &numbers);
  RingChange change{{}, {ring.topology.members[0].id}, {}};
  for (int i = 0; i < 4; ++i) change.joins.push_back(ring.stranger());
  const Topology done = finished(switched(ring.begun(change)));
  REQUIRE(numbers.learn(done));
  const Placement after(done, self, &numbers);
  CHECK(before.self == after.self);
  CHECK(before.number_of(ring.topology.members[2].id) == after.number_of(ring.topology.members[2].id));
  CHECK_FALSE(after.is_member(before.number_of(ring.topology.members[0].id)));
  const Placement by_place(done, self);
  for (uint32_t i = 0; i < done.partition_count; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    const auto named = after.replicas(partition), placed = by_place.replicas(partition);
    for (size_t slot = 0; slot < placed.size(); ++slot)
      REQUIRE(after.id_of(named[slot]) == done.members[placed[slot]].id);
  }
}

TEST_CASE("handoff: everything that was acknowledged comes from somebody") {
  Ring ring(3);
  const Member joining = ring.stranger();
  const Topology copying = ring.begun({{joining}, {}, {}});
  const Placement placement(copying, joining.id);
  Handoff handoff(placement);
  const auto nobody = [](NodeIndex) { return false; };
  CHECK(handoff.total() == 3 * copying.partition_count * 3 / 4);
  CHECK_FALSE(handoff.complete(nobody));
  const NodeIndex down = placement.number_of(ring.topology.members[0].id);
  const auto is_down = [down](NodeIndex node) { return node == down; };
  PartitionSet everything;
  everything.set();
  handoff.brought(placement.number_of(ring.topology.members[1].id), everything);
  CHECK_MESSAGE(!handoff.complete(is_down), "one of three may not have what two of three acknowledged");
  handoff.brought(placement.number_of(ring.topology.members[2].id), everything);
  CHECK_FALSE(handoff.complete(nobody));
  CHECK(handoff.complete(is_down));
  PartitionSet half = handoff.left(down);
  half >>= 8192;
  handoff.brought(down, half);
  CHECK_FALSE(handoff.complete(nobody));
  handoff.brought(down, everything);
  CHECK(handoff.complete(nobody));
  CHECK(handoff.remaining() == 0);
}

TEST_CASE("driver: a node that asks is counted in, by one member, once it has been there for a while") {
  Ring ring(3);
  const Member joining = ring.stranger();
  std::vector<RingNode> nodes = all_alive(ring.topology, ring.topology.epoch, 0);
  nodes.push_back(alive(joining.id, 0, 0, joining));
  TransitionDriver first(ring.topology.members[0].id, {}), second(ring.topology.members[1].id, {});
  CHECK_FALSE(first.proposal(ring.topology, nodes, 0));
  CHECK_FALSE(first.proposal(ring.topology, nodes, 900'000));
  const auto proposal = first.proposal(ring.topology, nodes, 1'100'000);
  REQUIRE(proposal);
  CHECK(proposal->index_of(joining.id) != kNoNode);
  CHECK_FALSE(second.proposal(ring.topology, nodes, 0));
  CHECK_FALSE(second.proposal(ring.topology, nodes, 1'100'000));
  CHECK_MESSAGE(second.proposal(ring.topology, nodes, 4'000'000), "the first one may be lost");
}

TEST_CASE("driver: it switches when everybody was brought what will be its own, and finishes when all know") {
  Ring ring(3);
  const Member joining = ring.stranger();
  const Topology copying = ring.begun({{joining}, {}, {}});
  TransitionDriver driver(ring.topology.members[0].id, {});
  std::vector<RingNode> nodes = all_alive(copying, copying.epoch, copying.epoch);
  const size_t joins = copying.index_of(joining.id), other = joins == 0 ? 1 : 0;
  nodes[joins].received = copying.epoch - 1;
  CHECK_FALSE(driver.proposal(copying, nodes, 100'000'000));
  CHECK(driver.waiting_for().find(joining.id.to_string()) != std::string::npos);
  nodes[joins].down = true;
  nodes[joins].alive = false;
  CHECK_FALSE_MESSAGE(driver.proposal(copying, nodes, 100'000'000), "who gains something must have it");
  nodes[joins].received = copying.epoch;
  nodes[other].received = 0;
  CHECK_FALSE(driver.proposal(copying, nodes, 100'000'000));
  nodes[other].down = true;
  const auto step = driver.proposal(copying, nodes, 200'000'000);
  REQUIRE(step);
  CHECK(step->transition.phase == TransitionPhase::kSwitched);

  nodes = all_alive(copying, step->epoch, 0);
  nodes[0].epoch = nodes[1].epoch = copying.epoch;
  nodes[0].alive = nodes[1].alive = false;
  nodes[0].down = nodes[1].down = true;
  CHECK_FALSE_MESSAGE(driver.proposal(*step, nodes, 300'000'000), "two of three may still read the old ring");
  nodes[1].epoch = step->epoch;
  const auto last = driver.proposal(*step, nodes, 400'000'000);
  REQUIRE(last);
  CHECK_FALSE(last->changing());
}

TEST_CASE("driver: the next change waits until everybody has removed what the last one left") {
  Ring ring(4);
  TransitionDriver driver(ring.topology.members[3].id, {});
  std::vector<RingNode> nodes = all_alive(ring.topology, 1, 0);
  nodes[1].drops = true;
  REQUIRE(driver.request({{}, {ring.topology.members[3].id}, {}}));
  CHECK_FALSE(driver.proposal(ring.topology, nodes, 0));
  CHECK(driver.waiting_for().find(nodes[1].id.to_string()) != std::string::npos);
  nodes[1].drops = false;
  nodes[2].epoch = 0;
  CHECK_FALSE_MESSAGE(driver.proposal(ring.topology, nodes, 0), "it may have something to remove");
  nodes[2].down = true;
  nodes[2].alive = false;
  CHECK(driver.proposal(ring.topology, nodes, 0));
}

TEST_CASE("driver: what an operator asks for is proposed at once, and taken back while it can be") {
  Ring ring(4);
  TransitionDriver driver(ring.topology.members[3].id, {});
  const std::vector<RingNode> nodes = all_alive(ring.topology, 1, 0);
  REQUIRE(driver.request({{}, {ring.topology.members[3].id}, {}}));
  const auto begun = driver.proposal(ring.topology, nodes, 0);
  REQUIRE(begun);
  CHECK(begun->members[3].state == MemberState::kLeaving);
  CHECK_MESSAGE(driver.proposal(ring.topology, nodes, 0), "another change may have come first");
  driver.request_abort();
  const auto back = driver.proposal(*begun, nodes, 0);
  REQUIRE(back);
  CHECK(back->owners == ring.topology.owners);
  CHECK_FALSE_MESSAGE(driver.proposal(*back, nodes, 0), "it had begun");
  driver.request_abort();
  CHECK_FALSE(driver.proposal(switched(*begun), nodes, 0));
}

TEST_CASE("driver: who has been down for long is removed where enough are left, and only if told to") {
  constexpr int64_t kAfterUs = 60'000'000;
  TransitionSettings settings;
  settings.remove_after_us = kAfterUs;
  Ring ring(4);
  const NodeId lost = ring.topology.members[2].id;
  TransitionDriver driver(ring.topology.members[0].id, settings), careful(ring.topology.members[0].id, {});
  std::vector<RingNode> nodes = all_alive(ring.topology, ring.topology.epoch, 0);
  const auto set_down = [&](size_t place, bool down) {
    nodes[place].down = down;
    nodes[place].alive = !down;
  };
  set_down(2, true);
  CHECK_FALSE(driver.proposal(ring.topology, nodes, 0));
  CHECK_FALSE(driver.proposal(ring.topology, nodes, kAfterUs - 1));
  set_down(2, false);
  CHECK_FALSE_MESSAGE(driver.proposal(ring.topology, nodes, kAfterUs), "it was back");
  set_down(2, true);
  CHECK_FALSE(driver.proposal(ring.topology, nodes, kAfterUs));
  set_down(1, true);
  CHECK_FALSE_MESSAGE(driver.proposal(ring.topology, nodes, 2 * kAfterUs),
                      "two of three replicas may be down");
  set_down(1, false);
  const auto begun = driver.proposal(ring.topology, nodes, 3 * kAfterUs);
  REQUIRE(begun);
  CHECK(begun->members[begun->index_of(lost)].state == MemberState::kLeaving);
  CHECK_FALSE(careful.proposal(ring.topology, nodes, 0));
  CHECK_FALSE(careful.proposal(ring.topology, nodes, 3 * kAfterUs));

  Ring small(3);
  TransitionDriver of_three(small.topology.members[0].id, settings);
  nodes = all_alive(small.topology, small.topology.epoch, 0);
  set_down(2, true);
  CHECK_FALSE(of_three.proposal(small.topology, nodes, 0));
  CHECK_FALSE_MESSAGE(of_three.proposal(small.topology, nodes, 2 * kAfterUs),
                      "two nodes cannot hold three copies");
}

TEST_CASE("driver: who joins takes the place of one that has been down for long") {
  constexpr int64_t kAfterUs = 60'000'000;
  TransitionSettings settings;
  settings.replace_after_us = kAfterUs;
  Ring ring(3);
  const Member joining = ring.stranger();
  std::vector<RingNode> nodes = all_alive(ring.topology, ring.topology.epoch, 0);
  nodes[2].down = true;
  nodes[2].alive = false;
  TransitionDriver driver(ring.topology.members[0].id, settings),
      in_haste(ring.topology.members[0].id, settings);
  CHECK_FALSE(driver.proposal(ring.topology, nodes, 0));
  CHECK_FALSE_MESSAGE(driver.proposal(ring.topology, nodes, kAfterUs), "nobody is there to take it");
  nodes.push_back(alive(joining.id, 0, 0, joining));
  CHECK_FALSE(driver.proposal(ring.topology, nodes, kAfterUs));
  const auto replaced = driver.proposal(ring.topology, nodes, 2 * kAfterUs);
  REQUIRE(replaced);
  CHECK(replaced->index_of(joining.id) != kNoNode);
  CHECK(replaced->members[replaced->index_of(ring.topology.members[2].id)].state == MemberState::kLeaving);
  CHECK_FALSE(in_haste.proposal(ring.topology, nodes, 0));
  const auto joined = in_haste.proposal(ring.topology, nodes, kAfterUs / 2);
  REQUIRE(joined);
  CHECK_MESSAGE(joined->members[joined->index_of(ring.topology.members[2].id)].state == MemberState::kActive,
                "it may come back");
}

}  // namespace starling::cluster
