// Says when the next step of a change of the ring (transition.h) is due, and what it is. Fed with the topology in
// force and with what gossip knows; says what to propose to the topology register.
//
// Every member runs one. Whoever has the least id of those that are up proposes at once, each of the others a while
// later, so that a change goes on whoever is lost. What an operator has asked for here this node proposes itself.
//
// Pure; time is monotonic, in microseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cluster/topology/lost_members.h"
#include "cluster/topology/ring_node.h"
#include "cluster/topology/transition.h"

namespace starling::cluster {

struct TransitionSettings {
  int64_t settle_us = 1'000'000;  // How long who asks to join must have been there: links come up meanwhile.
  int64_t turn_us = 2'000'000;    // How much later than the one before each member proposes.
  // A member that has been down for so long is removed: where enough nodes are left for all replicas; or as another
  // one joins, which takes its place. 0: never.
  int64_t remove_after_us = 0;
  int64_t replace_after_us = 0;
};

class TransitionDriver {
 public:
  TransitionDriver(const NodeId& self, const TransitionSettings& settings)
      : self_(self), settings_(settings) {}
  void set(const TransitionSettings& settings) { settings_ = settings; }

  // Changes that an operator has asked for: begun as soon as they can be. Bounded by kMaxRequests; false: there are
  // too many.
  [[nodiscard]] bool request(RingChange change);
  void request_abort() { abort_ = true; }

  // What to propose now; nothing while something is waited for. Ask again later.
  std::optional<Topology> proposal(const Topology& present, std::span<const RingNode> nodes, int64_t now_us);
  // What the change under way, or the next one, waits for, in words; empty: there is none.
  const std::string& waiting_for() const { return waiting_for_; }

 private:
  static constexpr size_t kMaxRequests = 64;

  std::optional<Topology> begin(const Topology& present, std::span<const RingNode> nodes, int64_t now_us);
  // Whether each member has done its part, or is down and may be gone without.
  bool all_have(const Topology& present, std::span<const RingNode> nodes, Epoch RingNode::*what);
  // Counts in who asks to join, and out who has been down for too long. Empty: nothing of it is due.
  RingChange due_change(const Topology& present, std::span<const RingNode> nodes, int64_t now_us);
  void forget_begun(const Topology& present);
  void find_gainers(const Topology& present);
  bool my_turn(const Topology& present, std::span<const RingNode> nodes, int64_t now_us);

  NodeId self_;
  TransitionSettings settings_;
  std::vector<RingChange> requests_;
  bool abort_ = false;
  std::vector<NodeId> joiners_;  // As last seen; and since when it has been those.
  int64_t joiners_since_us_ = 0;
  LostMembers lost_;
  Epoch due_epoch_ = 0;  // Of the step that is due; since when it is.
  int64_t due_since_us_ = 0;
  Epoch gainers_epoch_ = 0;
  std::vector<bool> gains_;  // By place in the topology: who has to be brought anything.
  std::string waiting_for_;
};

}  // namespace starling::cluster
