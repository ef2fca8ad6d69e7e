#include "cluster/topology/topology_register.h"

#include <doctest/doctest.h>

#include "cluster/topology/topology_codec.h"
#include "tests/unit/cluster/topology_network.h"

namespace starling::cluster {
namespace {

// A topology without the cost of planning one.
Topology quick_topology(engine::Random* random, size_t nodes, Epoch epoch) {
  std::vector<Member> members;
  for (size_t i = 0; i < nodes; ++i) members.push_back(make_member(random));
  Topology topology;
  topology.epoch = epoch;
  topology.cluster_id = 5;
  topology.members = sorted(std::move(members));
  topology.owners.assign(engine::kPartitionCount, 0);
  return topology;
}

// A successor that can be told from others.
Topology next_of(const Topology& topology, uint32_t mark) {
  Topology next = topology;
  ++next.epoch;
  next.members[0].weight = 1 + mark;
  return next;
}

struct Storm {
  bool crashes = true;
  bool forget = false;
};

// Nodes of one cluster all propose different successors, epoch after epoch, through a storm of faults; then
// the storm ends. Returns the number of conflicting decisions.
int run_storm(uint64_t seed, const Storm& storm, bool check_progress) {
  TopologyNetwork network(seed);
  network.forget = storm.forget;
  engine::SeededRandom& random = network.random();
  const Topology first = quick_topology(&random, 1 + random.below(5), 1);
  for (const Member& member : first.members) network.add(member.id, &first);
  network.lose_percent = static_cast<int>(random.below(30));
  network.duplicate_percent = static_cast<int>(random.below(30));
  uint32_t mark = 0;
  const auto propose_somewhere = [&] {
    const NodeId id = first.members[random.below(first.members.size())].id;
    TopologyRegister* running = network.node(id).running.get();
    if (running != nullptr && !running->proposing())
      CHECK(network.propose(id, next_of(*running->decided(), ++mark % kMaxWeight)));
  };
  for (int i = 0; i < 400; ++i) {
    const uint64_t choice = random.below(100);
    const NodeId id = first.members[random.below(first.members.size())].id;
    if (choice < 8) {
      propose_somewhere();
    } else if (choice < 11 && storm.crashes) {
      network.crash(id);
    } else if (choice < 15 && !network.node(id).running) {
      network.start(id);
    } else if (choice < 16) {
      network.groups[id] = static_cast<int>(random.below(2));
    } else {
      network.step();
    }
  }
  if (!check_progress) return network.conflicts;
  network.lose_percent = network.duplicate_percent = 0;
  network.groups.clear();
  Epoch highest = 0;
  for (auto& [id, node] : network.nodes()) {
    if (!node.running) network.start(id);
    highest = std::max(highest, node.running->decided()->epoch);
  }
  const auto all_reached = [&] {
    for (auto& [id, node] : network.nodes()) {
      if (node.running->decided()->epoch <= highest || node.running->proposing()) return false;
    }
    return true;
  };
  int steps = 0;
  for (; !all_reached() && steps < 20'000; ++steps) {
    // Once the register moves on, a node that missed it learns by proposing.
    if (steps % 200 == 0) propose_somewhere();
    network.step();
  }
  CHECK(steps < 20'000);
  return network.conflicts;
}

std::vector<TopologyMessage> sample_messages() {
  engine::SeededRandom random(3);
  const Topology topology = quick_topology(&random, 3, 4);
  const Ballot ballot{7, topology.members[0].id};
  std::string value;
  encode_topology(topology, &value);
  return {Prepare{1, ballot, true, ids_of(topology)},
          Prepare{9, ballot, false, {}},
          Promise{4, ballot, {}, ""},
          Promise{4, ballot, {3, topology.members[1].id}, value},
          Accept{4, ballot, value},
          Accepted{4, ballot},
          Reject{4, ballot, {300, topology.members[2].id}, {}},
          Reject{4, ballot, {}, topology.members[2].id},
          Behind{3},
          Decided{value}};
}

}  // namespace

TEST_CASE("topology messages: what is written is read back, and its truncations are refused") {
  for (const TopologyMessage& message : sample_messages()) {
    CAPTURE(message.index());
    std::string bytes;
    encode_topology_message(message, &bytes);
    TopologyMessage back;
    REQUIRE(decode_topology_message(bytes, &back).ok());
    CHECK(back == message);
    for (size_t size = 0; size < bytes.size(); size += size < 200 || size + 200 > bytes.size() ? 1 : 301)
      CHECK_FALSE(decode_topology_message(std::string_view(bytes).substr(0, size), &back).ok());
    CHECK(decode_topology_message(bytes + '\0', &back).code() == engine::StatusCode::kCorrupt);
    bytes[0] = 2;
    CHECK(decode_topology_message(bytes, &back).code() == engine::StatusCode::kNewerFormat);
    bytes[0] = 1;
    bytes[1] = 8;
    CHECK(decode_topology_message(bytes, &back).code() == engine::StatusCode::kCorrupt);
  }
}

TEST_CASE("topology register: a voter's state survives a restart, and damage to it is noticed") {
  engine::SeededRandom random(4);
  AcceptorState state;
  state.decided = quick_topology(&random, 3, 1);
  state.promised = {9, random_id(&random)};
  state.accepted_ballot = {8, random_id(&random)};
  encode_topology(next_of(*state.decided, 5), &state.accepted_value);
  for (const AcceptorState& each : {state, AcceptorState()}) {
    std::string bytes;
    encode_acceptor_state(each, &bytes);
    AcceptorState back;
    REQUIRE(decode_acceptor_state(bytes, &back).ok());
    CHECK(back == each);
    for (size_t size = 0; size < bytes.size(); size += size < 200 || size + 200 > bytes.size() ? 1 : 301)
      CHECK_FALSE(decode_acceptor_state(std::string_view(bytes).substr(0, size), &back).ok());
    bytes[0] = 9;
    CHECK(decode_acceptor_state(bytes, &back).code() == engine::StatusCode::kNewerFormat);
  }
}

TEST_CASE("topology register: one node decides alone, and at once") {
  TopologyNetwork network(1);
  const Topology first = quick_topology(&network.random(), 1, 1);
  const NodeId id = first.members[0].id;
  network.add(id);
  CHECK(network.propose(id, first));
  CHECK(network.node(id).running->decided() == first);
  CHECK(network.node(id).outcomes == std::vector<ProposalOutcome>{ProposalOutcome::kDecided});
  const Topology second = next_of(first, 3);
  CHECK(network.propose(id, second));
  CHECK(network.node(id).running->decided() == second);
  // A value for an epoch that is decided, or too far ahead, is not proposed.
  CHECK_FALSE(network.propose(id, second));
  CHECK_FALSE(network.propose(id, next_of(next_of(second, 1), 1)));
  network.crash(id);
  network.start(id);
  CHECK(network.node(id).running->decided() == second);
}

TEST_CASE("topology register: at most one value is decided for an epoch, and one is once messages flow") {
  const uint64_t last = last_seed(600);
  for (uint64_t seed = first_seed(); seed <= last; ++seed) {
    INFO("seed " << seed);
    REQUIRE(run_storm(seed, Storm(), true) == 0);
  }
}

TEST_CASE("topology register: the test notices voters that persist nothing") {
  int conflicts = 0;
  for (uint64_t seed = 1; seed <= 300 && conflicts == 0; ++seed)
    conflicts += run_storm(seed, {true, true}, false);
  CHECK(conflicts > 0);
}

TEST_CASE("topology register: of two sets of founders that share a node at most one succeeds") {
  const uint64_t last = last_seed(300);
  int founded = 0;
  for (uint64_t seed = first_seed(); seed <= last; ++seed) {
    INFO("seed " << seed);
    TopologyNetwork network(seed);
    engine::SeededRandom& random = network.random();
    network.lose_percent = 10;
    network.duplicate_percent = 10;
    Topology one = quick_topology(&random, 3, 1);
    Topology other = quick_topology(&random, 3, 1);
    const Member shared = one.members[random.below(3)];
    other.members[random.below(3)] = shared;
    other.members = sorted(other.members);
    other.cluster_id = 6;
    for (const Topology* topology : {&one, &other}) {
      for (const NodeId& id : ids_of(*topology)) network.add(id);
    }
    for (int i = 0; i < 400; ++i) {
      const Topology& topology = random.below(2) == 0 ? one : other;
      const NodeId id = topology.members[random.below(3)].id;
      TopologyRegister* running = network.node(id).running.get();
      const uint64_t choice = random.below(100);
      if (choice < 5 && running != nullptr && !running->proposing()) network.propose(id, topology);
      if (choice == 5) network.crash(id);
      if (choice >= 6 && choice < 10 && running == nullptr) network.start(id);
      network.step();
    }
    REQUIRE(network.decided().size() <= 1);
    founded += static_cast<int>(network.decided().size());
  }
  CHECK((founded > 0 || first_seed() != 1));
}

TEST_CASE("topology register: a cluster is not founded while a founder is away") {
  TopologyNetwork network(8);
  const Topology first = quick_topology(&network.random(), 3, 1);
  for (const Member& member : first.members) network.add(member.id);
  network.crash(first.members[1].id);
  CHECK(network.propose(first.members[0].id, first));
  for (int i = 0; i < 1000; ++i) network.step();
  CHECK(network.decided().empty());
  network.start(first.members[1].id);
  for (int i = 0; i < 3000; ++i) network.step();
  for (const Member& member : first.members) CHECK(network.node(member.id).running->decided() == first);
}

TEST_CASE(
    "topology register: a voter refuses founders that leave out a node it has met, unless they are "
    "recovered") {
  engine::SeededRandom random(9);
  const Topology first = quick_topology(&random, 3, 1);
  const NodeId met = random_id(&random);
  for (const bool recovering : {false, true}) {
    TopologyRegister subject(first.members[0].id, AcceptorState(), RegisterSettings(), random);
    subject.set_acquainted({met, first.members[0].id});
    RegisterOutput out;
    subject.receive(first.members[1].id, Prepare{1, {1, first.members[1].id}, recovering, ids_of(first)}, 0,
                    &out);
    REQUIRE(out.messages.size() == 1);
    const auto* reject = std::get_if<Reject>(&out.messages[0].message);
    CHECK((reject == nullptr) == recovering);
    CHECK(out.persist == recovering);
    if (reject != nullptr) CHECK(reject->missing == met);
  }
}

TEST_CASE("topology register: a minority decides nothing and says what it waits for") {
  TopologyNetwork network(2);
  const Topology first = quick_topology(&network.random(), 5, 1);
  for (const Member& member : first.members) network.add(member.id, &first);
  for (size_t i = 2; i < 5; ++i) network.crash(first.members[i].id);
  CHECK(network.propose(first.members[0].id, next_of(first, 1)));
  bool told = false;
  for (int i = 0; i < 3000; ++i) {
    network.step();
    told =
        told || network.node(first.members[0].id).running->waiting_for().find("2 of 3") != std::string::npos;
  }
  CHECK(told);
  CHECK(network.node(first.members[0].id).running->proposing());
  CHECK(network.decided().empty());
  network.start(first.members[4].id);
  for (int i = 0; i < 3000; ++i) network.step();
  CHECK(network.node(first.members[0].id).running->decided()->epoch == 2);
  CHECK(network.node(first.members[1].id).running->decided()->epoch == 2);
}

TEST_CASE("topology register: a voter that missed epochs is told them before it votes") {
  TopologyNetwork network(3);
  const Topology first = quick_topology(&network.random(), 3, 1);
  const Topology second = next_of(first, 1);
  network.add(first.members[0].id, &second);
  network.add(first.members[1].id, &first);  // Its vote is needed: the third is down.
  CHECK(network.propose(first.members[0].id, next_of(second, 2)));
  for (int i = 0; i < 500; ++i) network.step();
  CHECK(network.node(first.members[1].id).running->decided()->epoch == 3);
}

TEST_CASE("topology register: topologies of other clusters, and older ones, are not learned") {
  engine::SeededRandom random(5);
  const Topology first = quick_topology(&random, 3, 4);
  AcceptorState state;
  state.decided = first;
  TopologyRegister subject(first.members[0].id, state, RegisterSettings(), random);
  RegisterOutput out;
  Topology other = next_of(first, 1);
  other.cluster_id = 6;
  subject.learn(other, &out);
  Topology older = first;
  older.epoch = 3;
  subject.learn(older, &out);
  CHECK_FALSE(out.persist);
  CHECK(subject.decided() == first);
  subject.learn(next_of(next_of(first, 1), 1), &out);
  CHECK(out.persist);
  CHECK(out.decided);
  CHECK(subject.decided()->epoch == 6);
}

TEST_CASE("topology register: a node without a cluster is not drawn into one that does not count it in") {
  engine::SeededRandom random(6);
  const Topology theirs = quick_topology(&random, 3, 4);
  TopologyRegister subject(random_id(&random), AcceptorState(), RegisterSettings(), random);
  std::string value;
  encode_topology(theirs, &value);
  RegisterOutput out;
  subject.receive(theirs.members[0].id, Decided{value}, 0, &out);
  CHECK_FALSE(out.decided);
  CHECK_FALSE(subject.decided().has_value());
}

}  // namespace starling::cluster
