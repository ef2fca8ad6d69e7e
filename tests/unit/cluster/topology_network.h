// Topology registers on a network that loses, duplicates and reorders messages, with crashes: for tests of
// agreement. One seed, one run.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/topology/topology_codec.h"
#include "cluster/topology/topology_register.h"
#include "tests/unit/cluster/topology_fixture.h"

namespace starling::cluster {

// What a node would forget unless it kept its promise to persist first.
struct RegisterNode {
  NodeId id;
  std::string disk;
  std::unique_ptr<TopologyRegister> running;  // Null while it is down.
  std::vector<ProposalOutcome> outcomes;
};

class TopologyNetwork {
 public:
  explicit TopologyNetwork(uint64_t seed) : random_(seed) {}

  engine::SeededRandom& random() { return random_; }
  int64_t now_us() const { return now_us_; }
  std::map<NodeId, RegisterNode>& nodes() { return nodes_; }
  RegisterNode& node(const NodeId& id) { return nodes_.at(id); }
  // Every topology that any node ever held as decided, by cluster and epoch.
  const std::map<std::pair<ClusterId, Epoch>, std::string>& decided() const { return decided_; }

  int lose_percent = 0;
  int duplicate_percent = 0;
  // Groups of nodes that do not hear each other; nodes not named are in group 0.
  std::map<NodeId, int> groups;
  int conflicts = 0;  // Times a second value was decided for an epoch.
  // Persists nothing: a planted fault.
  bool forget = false;

  void add(const NodeId& id, const Topology* decided = nullptr) {
    AcceptorState state;
    if (decided != nullptr) state.decided = *decided;
    RegisterNode& node = nodes_[id];
    node.id = id;
    node.disk.clear();
    encode_acceptor_state(state, &node.disk);
    start(id);
  }
  void start(const NodeId& id) {
    RegisterNode& node = nodes_.at(id);
    AcceptorState state;
    REQUIRE(decode_acceptor_state(node.disk, &state).ok());
    node.running = std::make_unique<TopologyRegister>(id, state, RegisterSettings(), random_);
  }
  void crash(const NodeId& id) { nodes_.at(id).running.reset(); }

  bool propose(const NodeId& id, const Topology& topology) {
    RegisterOutput out;
    const bool taken = node(id).running->propose(topology, now_us_, &out);
    carry_out(&node(id), out);
    return taken;
  }

  // Lets one message arrive, in any order, or some time pass.
  void step() {
    if (!wire_.empty() && random_.below(4) != 0) {
      const size_t at = random_.below(wire_.size());
      const Flight flight = wire_[at];
      if (random_.below(100) >= static_cast<uint64_t>(duplicate_percent)) {
        wire_[at] = wire_.back();
        wire_.pop_back();
      }
      deliver(flight);
      return;
    }
    now_us_ += 20'000;
    for (auto& [id, node] : nodes_) {
      if (!node.running) continue;
      RegisterOutput out;
      node.running->tick(now_us_, &out);
      carry_out(&node, out);
    }
  }

  // Does what a register of this node wants done.
  void carry_out(RegisterNode* node, const RegisterOutput& out) {
    if (out.persist && !forget) {
      node->disk.clear();
      encode_acceptor_state(node->running->state(), &node->disk);
    }
    for (const RegisterMessage& message : out.messages) {
      Flight flight{node->id, message.to, ""};
      encode_topology_message(message.message, &flight.bytes);
      if (nodes_.contains(message.to)) wire_.push_back(std::move(flight));
    }
    if (out.outcome.has_value()) node->outcomes.push_back(*out.outcome);
    if (out.decided) note_decided(*node->running->decided());
  }

 private:
  struct Flight {
    NodeId from, to;
    std::string bytes;
  };

  void deliver(const Flight& flight) {
    RegisterNode& node = nodes_.at(flight.to);
    if (!node.running || random_.below(100) < static_cast<uint64_t>(lose_percent)) return;
    if (groups[flight.from] != groups[flight.to]) return;
    TopologyMessage message;
    REQUIRE(decode_topology_message(flight.bytes, &message).ok());
    std::string again;
    encode_topology_message(message, &again);
    REQUIRE(again == flight.bytes);
    RegisterOutput out;
    node.running->receive(flight.from, message, now_us_, &out);
    carry_out(&node, out);
  }

  void note_decided(const Topology& topology) {
    std::string bytes;
    encode_topology(topology, &bytes);
    const auto [at, first] = decided_.try_emplace({topology.cluster_id, topology.epoch}, bytes);
    if (at->second != bytes) ++conflicts;
  }

  engine::SeededRandom random_;
  int64_t now_us_ = 0;
  std::map<NodeId, RegisterNode> nodes_;
  std::vector<Flight> wire_;
  std::map<std::pair<ClusterId, Epoch>, std::string> decided_;
};

}  // namespace starling::cluster
