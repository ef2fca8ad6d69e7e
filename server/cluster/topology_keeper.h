// Holds the topology of this node's cluster: founds it, takes part in changing it, and remembers it. See
// cluster/topology/topology_register.h and cluster/topology/forming.h, whose shell this is.
//
// The first loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/membership/membership.h"
#include "cluster/topology/forming.h"
#include "cluster/topology/topology_register.h"
#include "server/cluster/cluster_file.h"

namespace starling::server {

class TopologyKeeper {
 public:
  struct Hooks {
    // Sends a message to a node; it may get lost.
    std::function<void(const cluster::NodeId& to, const std::string& bytes)> send;
    // A newer topology is in force, and on disk.
    std::function<void(const cluster::Topology& topology)> decided;
  };

  // `memory` is what the file held. `founds`: else it waits to be counted in by a cluster.
  TopologyKeeper(ClusterFile& file, ClusterMemory memory, bool founds, Hooks hooks);

  // As it is on disk: what was agreed on and could not be saved is not in force yet.
  const ClusterMemory& memory() const { return memory_; }
  bool formed() const { return memory_.acceptor.decided.has_value(); }

  // What gossip knows. Proposes to found a cluster when it is time.
  void observe(const std::vector<cluster::MemberView>& members, int64_t now_us);
  bool may_propose() const { return !unsaved_ && !register_.proposing(); }
  // Proposes the next topology. Nothing happens unless may_propose().
  void propose(const cluster::Topology& topology, int64_t now_us);
  // A message of another node's register.
  void receive(const cluster::NodeId& from, std::string_view bytes, int64_t now_us);
  void tick(int64_t now_us);
  // A topology that a peer serves by.
  void learn(const cluster::Topology& topology, int64_t now_us);
  // What keeps the cluster from forming, in words; empty once it has.
  std::string waiting_for(int64_t now_us) const;

 private:
  void act(const cluster::RegisterOutput& output, int64_t now_us);
  // What the register holds. Durable when it returns true.
  bool save(int64_t now_us);

  ClusterFile& file_;
  ClusterMemory memory_;
  const bool founds_;
  Hooks hooks_;
  cluster::TopologyRegister register_;
  cluster::Forming forming_;
  // The register holds what is not on disk yet, a decision perhaps; why it is not, and when that was tried last.
  bool unsaved_ = false, decided_ = false;
  std::string why_unsaved_;
  int64_t tried_us_ = 0;
};

}  // namespace starling::server
