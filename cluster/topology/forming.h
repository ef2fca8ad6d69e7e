// When nodes that have no cluster yet found one, and with whom. Fed with what gossip knows; says what to
// propose to the topology register as epoch 1.
//
// The founders are all nodes without a cluster that this one has met, and never fewer than any of them asks
// for (cluster-min-nodes). A node once met is not left out because it went silent: it may be founding a
// cluster with others on its side of a cut. So forming waits for it, and the register's voters refuse
// founders that leave out a node they have met. Only a restart forgets a node, or another node at the same
// address, which replaces it. A node that has ever had a topology, or sees a peer that has a cluster, founds
// nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/topology/topology.h"
#include "engine/base/clock.h"

namespace starling::cluster {

// What gossip knows of a node.
struct FormingNode {
  Member member;  // Its state is not looked at; a weight out of bounds counts as the nearest one within.
  uint32_t min_nodes = 1;
  uint32_t replicas = 3;
  ClusterId cluster = 0;  // 0: it has none.
  bool answers = true;    // This node is in touch with it: neither suspect nor down.
  std::optional<uint64_t>
      hash_seed;  // It holds records in this order, and can found no cluster of another one.

  bool operator==(const FormingNode&) const = default;
};

struct FormingSettings {
  int64_t settle_us = 1'000'000;  // How long who has met must not change before a proposal.
  int64_t turn_us =
      2'000'000;  // The founder with the least id proposes first, then each of the others this later.
};

class Forming {
 public:
  // formed: a topology was persisted; then this never proposes.
  Forming(const NodeId& self, bool formed, const FormingSettings& settings);

  // All nodes that gossip knows, this one included, whenever something changed and at least every second.
  void observe(const std::vector<FormingNode>& nodes, int64_t now_us);
  // A topology was decided or learned.
  void set_formed() { formed_ = true; }
  // A proposal was refused (ProposalOutcome::kUnacquainted or kSuperseded): gossip has to go on first.
  void refused(int64_t now_us) { settled_since_us_ = now_us; }

  // For TopologyRegister::set_acquainted: this node and all it has met that have no cluster.
  std::vector<NodeId> acquainted() const;
  // The topology to propose now; nothing while something is waited for. The cluster id and the hash seed are drawn
  // from `random`; the seed is that of the founders' records where there are any.
  std::optional<Topology> proposal(int64_t now_us, engine::Random* random) const;
  // In words for the log and CLUSTER INFO; empty once formed.
  std::string waiting_for(int64_t now_us) const;

 private:
  // Nothing when the founders may propose as soon as it is their turn.
  std::optional<std::string> obstacle() const;
  int64_t turn_starts_us() const;
  // Null, or two nodes of which each holds records, in another order than the other.
  std::pair<const FormingNode*, const FormingNode*> holders_of_different_orders() const;
  uint64_t hash_seed_of_founders(engine::Random* random) const;

  NodeId self_;
  FormingSettings settings_;
  bool formed_;
  std::map<NodeId, FormingNode> met_;          // Without a cluster.
  std::optional<FormingNode> cluster_member_;  // One that has a cluster.
  int64_t settled_since_us_ = 0;
};

}  // namespace starling::cluster
