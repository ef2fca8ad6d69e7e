// Changes of the ring: the topologies of the steps, when who decides about them, where writes and reads go meanwhile.
#include "cluster/topology/transition.h"

#include <doctest/doctest.h>

#include <set>

#include "cluster/handoff/handoff.h"
#include "cluster/topology/placement.h"
#include "cluster/topology/transition_driver.h"
#include "cluster/wire/short_id.h"
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
  CHECK(driver.waiting_for().find(short_id(joining.id)) != std::string::npos);
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
  CHECK(driver.waiting_for().find(short_id(nodes[1].id)) != std::string::npos);
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

namespace {

constexpr int64_t kSecondUs = 1'000'000;

// A driver that looks each second, and what it sees.
struct Watched {
  Watched(int nodes, const TransitionSettings& settings, uint32_t replicas = 3)
      : ring(nodes, replicas),
        driver(ring.topology.members[0].id, settings),
        seen(all_alive(ring.topology, ring.topology.epoch, 0)) {}

  void set_down(size_t place, bool down, size_t accusers = 5) {
    seen[place].down = down;
    seen[place].alive = !down;
    seen[place].accusers = down ? accusers : 0;
  }
  std::optional<Topology> look() {
    now_us += kSecondUs;
    return driver.proposal(ring.topology, seen, now_us);
  }
  // The first thing that it proposes within the time.
  std::optional<Topology> watch(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      if (auto proposal = look()) return proposal;
    }
    return std::nullopt;
  }
  MemberState state_in(const Topology& next, size_t place) const {
    return next.members[next.index_of(ring.topology.members[place].id)].state;
  }

  Ring ring;
  TransitionDriver driver;
  std::vector<RingNode> seen;
  int64_t now_us = 100 * kSecondUs;
};

TransitionSettings after_a_minute(bool removes, bool replaces) {
  TransitionSettings settings;
  if (removes) settings.remove_after_us = 60 * kSecondUs;
  if (replaces) settings.replace_after_us = 60 * kSecondUs;
  return settings;
}

}  // namespace

TEST_CASE("driver: who has been down for long is removed where enough are left, and only if told to") {
  Watched watched(4, after_a_minute(true, false)), careful(4, {}), small(3, after_a_minute(true, false));
  watched.set_down(2, true);
  CHECK_FALSE(watched.watch(60));
  const auto begun = watched.watch(2);
  REQUIRE(begun);
  CHECK(watched.state_in(*begun, 2) == MemberState::kLeaving);
  careful.set_down(2, true);
  CHECK_FALSE(careful.watch(200));
  small.set_down(2, true);
  CHECK_FALSE_MESSAGE(small.watch(200), "two nodes cannot hold three copies");
}

TEST_CASE("driver: the time of who is down begins anew after whatever this node may have missed") {
  Watched back(4, after_a_minute(true, false)), paused(4, after_a_minute(true, false)),
      cut(5, after_a_minute(true, false)), alone(4, after_a_minute(true, false));
  back.set_down(2, true);
  CHECK_FALSE(back.watch(50));
  back.set_down(2, false);
  CHECK_FALSE(back.look());
  back.set_down(2, true);
  CHECK_FALSE(back.watch(60));
  CHECK(back.watch(2));

  paused.set_down(2, true);
  CHECK_FALSE(paused.look());
  paused.now_us += 1000 * kSecondUs;
  CHECK_FALSE_MESSAGE(paused.watch(60), "it may have been back");
  CHECK(paused.watch(2));

  // A cut that heals: three seem down for long, then two of them are back, and the last one will be in a moment.
  for (const size_t place : {2, 3, 4}) cut.set_down(place, true);
  CHECK_FALSE(cut.watch(200));
  for (const size_t place : {2, 3}) cut.set_down(place, false);
  CHECK_FALSE(cut.watch(60));
  CHECK(cut.watch(2));

  alone.set_down(2, true, 1);
  CHECK_FALSE_MESSAGE(alone.watch(200), "only this node hears nothing of it");
}

TEST_CASE("driver: nobody is removed while another one is away that would have to be waited for") {
  Watched watched(6, after_a_minute(true, false), 5), both(7, after_a_minute(true, false), 5);
  watched.set_down(2, true);
  CHECK_FALSE(watched.watch(30));
  watched.seen[3].alive = false;  // Suspect.
  CHECK_FALSE(watched.watch(60));
  watched.set_down(3, true);
  CHECK_FALSE_MESSAGE(watched.watch(200), "four cannot hold five copies");
  // Seven can do without two, once both have been down for long enough.
  both.set_down(2, true);
  CHECK_FALSE(both.watch(30));
  both.set_down(3, true);
  CHECK_FALSE(both.watch(59));
  const auto begun = both.watch(4);
  REQUIRE(begun);
  CHECK(both.state_in(*begun, 2) == MemberState::kLeaving);
  CHECK(both.state_in(*begun, 3) == MemberState::kLeaving);
}

TEST_CASE("driver: who joins takes the place of one that has been down for long") {
  Watched watched(3, after_a_minute(false, true)), in_haste(3, after_a_minute(false, true)),
      of_two(2, after_a_minute(false, true));
  watched.set_down(2, true);
  CHECK_FALSE_MESSAGE(watched.watch(100), "nobody is there to take it");
  const Member joining = watched.ring.stranger();
  watched.seen.push_back(alive(joining.id, 0, 0, joining));
  const auto replaced = watched.watch(3);
  REQUIRE(replaced);
  CHECK(replaced->index_of(joining.id) != kNoNode);
  CHECK(watched.state_in(*replaced, 2) == MemberState::kLeaving);

  in_haste.set_down(2, true);
  CHECK_FALSE(in_haste.watch(10));
  in_haste.seen.push_back(alive(joining.id, 0, 0, joining));
  const auto joined = in_haste.watch(3);
  REQUIRE(joined);
  CHECK_MESSAGE(in_haste.state_in(*joined, 2) == MemberState::kActive, "it may come back");

  of_two.set_down(1, true);
  CHECK_FALSE(of_two.watch(100));
  of_two.seen.push_back(alive(joining.id, 0, 0, joining));
  const auto beside = of_two.watch(3);
  REQUIRE(beside);
  CHECK_MESSAGE(of_two.state_in(*beside, 1) == MemberState::kActive, "one of two decides nothing");
}

}  // namespace starling::cluster
