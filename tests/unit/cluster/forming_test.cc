#include "cluster/topology/forming.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "cluster/topology/preference_list.h"
#include "tests/unit/cluster/topology_network.h"

namespace starling::cluster {
namespace {

constexpr int64_t kSecond = 1'000'000;

FormingNode make_node(engine::Random* random, uint32_t min_nodes = 3) {
  FormingNode node;
  node.member = make_member(random);
  node.member.host = "node-" + node.member.id.to_string();
  node.min_nodes = min_nodes;
  return node;
}

std::vector<FormingNode> by_id(std::vector<FormingNode> nodes) {
  std::sort(nodes.begin(), nodes.end(),
            [](const FormingNode& a, const FormingNode& b) { return a.member.id < b.member.id; });
  return nodes;
}

struct ThreeNodes {
  engine::SeededRandom random{1};
  std::vector<FormingNode> nodes = by_id({make_node(&random), make_node(&random), make_node(&random)});
  Forming first{nodes[0].member.id, false, FormingSettings()};

  bool proposes(int64_t now_us) { return first.proposal(now_us, &random).has_value(); }
};

// Nodes that find each other by gossip and found clusters through their registers, on a faulty network.
class FormingRun {
 public:
  FormingRun(uint64_t seed, bool crashes) : network_(seed), random_(network_.random()), crashes_(crashes) {
    const size_t count = 2 + random_.below(5);
    const auto min_nodes = static_cast<uint32_t>(1 + random_.below(count));
    network_.lose_percent = static_cast<int>(random_.below(20));
    network_.duplicate_percent = static_cast<int>(random_.below(20));
    for (size_t i = 0; i < count; ++i) {
      const FormingNode node = make_node(&random_, min_nodes);
      const NodeId id = node.member.id;
      ids_.push_back(id);
      network_.add(id);
      network_.groups[id] = static_cast<int>(random_.below(2));
      peers_[id].self = node;
      begin(id);
    }
  }

  void storm() {
    for (int i = 0; i < 600; ++i) {
      const NodeId id = ids_[random_.below(ids_.size())];
      const uint64_t choice = random_.below(200);
      if (choice < 2) network_.groups[id] = static_cast<int>(random_.below(2));
      if (crashes_ && choice == 2) network_.crash(id);
      if (choice == 3 && network_.node(id).running == nullptr) {
        network_.start(id);
        begin(id);
      }
      step(id);
    }
  }

  void calm() {
    network_.lose_percent = network_.duplicate_percent = 0;
    network_.groups.clear();
    for (const NodeId& id : ids_) {
      if (network_.node(id).running != nullptr) continue;
      network_.start(id);
      begin(id);
    }
    for (int i = 0; i < 20'000 && !settled(); ++i) step(ids_[random_.below(ids_.size())]);
  }

  // Every node is in a cluster, or sees one that was founded without it.
  bool settled() {
    for (const NodeId& id : ids_) {
      if (topology_of(id).has_value()) continue;
      if (peers_[id].forming->waiting_for(network_.now_us()).find("the cluster that") == std::string::npos)
        return false;
    }
    return true;
  }

  void check_clusters() {
    CHECK(network_.conflicts == 0);
    std::map<NodeId, ClusterId> in;
    for (const auto& [key, bytes] : network_.decided()) {
      Topology topology;
      REQUIRE(decode_topology(bytes, &topology).ok());
      CHECK(topology.epoch == 1);
      const std::vector<NodeId> founders = ids_of(topology);
      for (const NodeId& id : founders) {
        CHECK(in.try_emplace(id, topology.cluster_id).second);
        CHECK(founders.size() >= peers_[id].self.min_nodes);
        if (crashes_) continue;  // A restart forgets who was met.
        for (const NodeId& met : peers_[id].acquainted_at_first_vote)
          CHECK(std::binary_search(founders.begin(), founders.end(), met));
      }
    }
    for (const NodeId& id : ids_) {
      if (topology_of(id).has_value()) CHECK(in.at(id) == topology_of(id)->cluster_id);
    }
  }

  size_t clusters() const { return network_.decided().size(); }

 private:
  struct Peer {
    FormingNode self;
    std::map<NodeId, FormingNode> known;
    std::unique_ptr<Forming> forming;
    size_t outcomes_seen = 0;
    // It grows: whatever this node voted for later had to include these.
    std::vector<NodeId> acquainted_at_first_vote;
  };

  const std::optional<Topology>& topology_of(const NodeId& id) {
    static const std::optional<Topology> none;
    TopologyRegister* running = network_.node(id).running.get();
    return running != nullptr ? running->decided() : none;
  }

  void begin(const NodeId& id) {
    Peer& peer = peers_[id];
    peer.known.clear();
    peer.self.cluster = topology_of(id).has_value() ? topology_of(id)->cluster_id : 0;
    peer.known[id] = peer.self;
    peer.forming = std::make_unique<Forming>(id, topology_of(id).has_value(), FormingSettings());
  }

  void gossip(const NodeId& a, const NodeId& b) {
    if (network_.groups[a] != network_.groups[b]) return;
    if (network_.node(a).running == nullptr || network_.node(b).running == nullptr) return;
    for (const auto& [id, node] : peers_[b].known) {
      if (id == a) continue;
      FormingNode& mine = peers_[a].known[id];
      if (mine.cluster == 0) mine = node;
    }
    if (!topology_of(b).has_value() || topology_of(b)->index_of(a) == kNoNode) return;
    RegisterOutput out;
    network_.node(a).running->learn(*topology_of(b), &out);
    network_.carry_out(&network_.node(a), out);
  }

  void step(const NodeId& id) {
    network_.step();
    note_votes();
    gossip(id, ids_[random_.below(ids_.size())]);
    RegisterNode& node = network_.node(id);
    if (node.running == nullptr) return;
    Peer& peer = peers_[id];
    if (topology_of(id).has_value()) {
      peer.forming->set_formed();
      peer.known[id].cluster = topology_of(id)->cluster_id;
      return;
    }
    std::vector<FormingNode> view;
    for (const auto& [other, known] : peer.known) {
      view.push_back(known);
      view.back().answers =
          network_.groups[id] == network_.groups[other] && network_.node(other).running != nullptr;
    }
    peer.forming->observe(view, network_.now_us());
    node.running->set_acquainted(peer.forming->acquainted());
    for (; peer.outcomes_seen < node.outcomes.size(); ++peer.outcomes_seen)
      peer.forming->refused(network_.now_us());
    if (node.running->proposing()) return;
    const std::optional<Topology> proposal = peer.forming->proposal(network_.now_us(), &random_);
    if (proposal.has_value()) network_.propose(id, *proposal);
    note_votes();
  }

  void note_votes() {
    for (auto& [id, peer] : peers_) {
      TopologyRegister* running = network_.node(id).running.get();
      if (running == nullptr || !running->state().promised.valid()) continue;
      if (peer.acquainted_at_first_vote.empty()) peer.acquainted_at_first_vote = peer.forming->acquainted();
    }
  }

  TopologyNetwork network_;
  engine::SeededRandom& random_;
  bool crashes_;
  std::vector<NodeId> ids_;
  std::map<NodeId, Peer> peers_;
};

}  // namespace

TEST_CASE("forming: the founder with the least id proposes all who met, once they settled") {
  ThreeNodes three;
  three.first.observe(three.nodes, 5 * kSecond);
  CHECK_FALSE(three.proposes(5 * kSecond));
  CHECK(three.first.waiting_for(5 * kSecond) == "the 3 nodes that have met to settle");
  const std::optional<Topology> proposal = three.first.proposal(6 * kSecond, &three.random);
  REQUIRE(proposal.has_value());
  CHECK(check(*proposal).ok());
  CHECK(proposal->epoch == 1);
  REQUIRE(proposal->members.size() == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(proposal->members[i] == three.nodes[i].member);
  CHECK(proposal->owners == plan(proposal->members, nullptr, 3));
  CHECK(three.first.acquainted() == ids_of(*proposal));
}

TEST_CASE("forming: the others propose later, each in turn, should the first one not") {
  ThreeNodes three;
  Forming last(three.nodes[2].member.id, false, FormingSettings());
  last.observe(three.nodes, 0);
  CHECK_FALSE(last.proposal(5 * kSecond - 1, &three.random).has_value());
  CHECK(last.proposal(5 * kSecond, &three.random).has_value());
}

TEST_CASE("forming: too few nodes wait, and say how many are missing") {
  ThreeNodes three;
  three.nodes[1].min_nodes = 4;  // The greatest wish counts.
  three.first.observe(three.nodes, 0);
  CHECK_FALSE(three.proposes(60 * kSecond));
  const std::string what = three.first.waiting_for(60 * kSecond);
  CHECK(what.find("1 more nodes: 3 have met, 'cluster-min-nodes' is 4 on ") == 0);
}

TEST_CASE("forming: a node that was met and went silent is waited for, and is not left out") {
  ThreeNodes three;
  three.nodes.push_back(make_node(&three.random));
  three.first.observe(three.nodes, 0);
  three.nodes.back().answers = false;
  three.first.observe(three.nodes, 1);
  CHECK_FALSE(three.proposes(60 * kSecond));
  CHECK(three.first.waiting_for(60 * kSecond).find("which was met and is silent now") != std::string::npos);
  // Nor when gossip has forgotten it.
  const FormingNode silent = three.nodes.back();
  three.nodes.pop_back();
  three.first.observe(three.nodes, 2);
  CHECK_FALSE(three.proposes(60 * kSecond));
  CHECK(three.first.acquainted().size() == 4);
  // Another node at its address takes its place.
  FormingNode replacement = make_node(&three.random);
  replacement.member.host = silent.member.host;
  three.nodes.push_back(replacement);
  three.first.observe(by_id(three.nodes), 3);
  CHECK(three.first.acquainted().size() == 4);
  CHECK(three.proposes(60 * kSecond));
}

TEST_CASE(
    "forming: the order of names is drawn anew, and is that of the records where a founder holds some") {
  ThreeNodes three;
  three.first.observe(three.nodes, 0);
  const uint64_t one = three.first.proposal(kSecond, &three.random)->hash_seed;
  const uint64_t other = three.first.proposal(kSecond, &three.random)->hash_seed;
  CHECK(one != 0);
  CHECK(one != other);
  three.nodes[2].hash_seed = 0;  // As of a directory from before there were seeds.
  three.first.observe(three.nodes, kSecond);
  CHECK(three.first.proposal(3 * kSecond, &three.random)->hash_seed == 0);
  three.nodes[1].hash_seed = 7;
  three.first.observe(three.nodes, 3 * kSecond);
  CHECK_FALSE(three.proposes(60 * kSecond));
  CHECK(three.first.waiting_for(60 * kSecond).find("both hold records, and in different orders") !=
        std::string::npos);
}

TEST_CASE("forming: whoever comes late starts the waiting anew") {
  ThreeNodes three;
  three.first.observe(three.nodes, 0);
  three.nodes.push_back(make_node(&three.random));
  three.first.observe(three.nodes, kSecond - 1);
  CHECK_FALSE(three.proposes(kSecond));
  three.first.observe(three.nodes, kSecond);
  CHECK_FALSE(three.proposes(kSecond));
}

TEST_CASE("forming: nodes that disagree on the number of replicas do not form a cluster") {
  ThreeNodes three;
  three.nodes[1].replicas = 2;
  three.first.observe(three.nodes, 0);
  CHECK_FALSE(three.proposes(60 * kSecond));
  CHECK(three.first.waiting_for(0).find("'replicas' everywhere: 3 here, 2 on") != std::string::npos);
}

TEST_CASE("forming: where there is a cluster, or was one, none is founded") {
  ThreeNodes three;
  three.nodes[1].cluster = 77;
  three.first.observe(three.nodes, 0);
  CHECK_FALSE(three.proposes(60 * kSecond));
  const std::string waits = three.first.waiting_for(0);
  CHECK(waits.find("the topology of the cluster that ") == 0);
  CHECK(waits.find("'cluster-join'") != std::string::npos);
  // Of two that are in one, the first that was met is named all the time.
  three.nodes[2].cluster = 77;
  three.first.observe(three.nodes, 0);
  CHECK(three.first.waiting_for(0) == waits);
  ThreeNodes others;
  Forming restarted(others.nodes[0].member.id, true, FormingSettings());
  restarted.observe(others.nodes, 0);
  CHECK_FALSE(restarted.proposal(60 * kSecond, &others.random).has_value());
  CHECK(restarted.waiting_for(0).empty());
}

TEST_CASE("forming: nobody founds two clusters, and no founder leaves out a node it has met") {
  const uint64_t last = last_seed(150);
  size_t founded = 0;
  for (uint64_t seed = first_seed(); seed <= last; ++seed) {
    INFO("seed " << seed);
    for (const bool crashes : {false, true}) {
      FormingRun run(seed, crashes);
      run.storm();
      run.check_clusters();
      run.calm();
      run.check_clusters();
      REQUIRE(run.settled());
      founded += run.clusters();
    }
  }
  CHECK(founded > 0);
}

}  // namespace starling::cluster
