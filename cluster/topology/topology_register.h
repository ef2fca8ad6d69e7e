// The topology as a register that changes by compare-and-set: the topology of epoch e + 1 is decided by the
// members of epoch e. Single-decree Paxos for each epoch; every node proposes and votes through one of these.
//
// Who votes: on epoch e + 1 the active and leaving members of epoch e, and a majority decides. On epoch 1,
// which has no members before it, those who are to found the cluster, and all of them must agree. So two sets
// of founders that share a node cannot both succeed; and since no founder agrees to leave out a node that it
// is acquainted with (forming.h), neither can two sets of which one node of one ever met one of the other.
//
// Pure: messages, time (monotonic, microseconds) and chance come in; what to persist and to send goes out.
// One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/topology/topology.h"
#include "cluster/topology/topology_acceptor.h"
#include "cluster/topology/topology_messages.h"
#include "engine/base/clock.h"

namespace starling::cluster {

struct RegisterSettings {
  int64_t answer_timeout_us = 1'000'000;  // Then the attempt is given up, and another one made.
  int64_t backoff_min_us = 50'000;  // Before another attempt; doubled for each one, and drawn by chance.
  int64_t backoff_max_us = 2'000'000;
};

enum class ProposalOutcome : uint8_t {
  kDecided,       // The proposed topology is in force.
  kSuperseded,    // Another one is, or will be: look at decided() and plan anew.
  kUnacquainted,  // Epoch 1: a founder knows a node that is not among the founders (missing()).
};

struct RegisterMessage {
  NodeId to;
  TopologyMessage message;
};

// What a call wants done, in this order: persist, send, and only then act on what was decided.
struct RegisterOutput {
  bool persist =
      false;  // encode_acceptor_state(state()), durably, before any message leaves and the next call.
  std::vector<RegisterMessage> messages;
  bool decided = false;                    // decided() is a newer topology than before.
  std::optional<ProposalOutcome> outcome;  // The proposal under way has ended.
};

class TopologyRegister {
 public:
  // `state` is what was persisted last, or empty on an empty directory. `random` must outlive this.
  TopologyRegister(const NodeId& self, AcceptorState state, const RegisterSettings& settings,
                   engine::Random& random);

  const AcceptorState& state() const { return acceptor_.state(); }
  const std::optional<Topology>& decided() const { return acceptor_.state().decided; }
  bool proposing() const { return phase_ != Phase::kIdle; }
  // What a proposal waits for, in words for the log and CLUSTER INFO. Empty when there is none.
  std::string waiting_for() const;
  // The node that was missing among the founders of the last proposal that ended as kUnacquainted.
  const NodeId& missing() const { return missing_; }
  // This node and all that it would found a cluster with (Forming::acquainted()); at first only itself.
  void set_acquainted(std::vector<NodeId> ids);

  // Tries until `topology` or another one of its epoch is decided. False, and nothing happens, while another
  // proposal is under way, unless its epoch follows the decided one and this node is a voter. Precondition:
  // check(topology).
  bool propose(const Topology& topology, int64_t now_us, RegisterOutput* out);
  void receive(const NodeId& from, const TopologyMessage& message, int64_t now_us, RegisterOutput* out);
  // Every 100 ms or so.
  void tick(int64_t now_us, RegisterOutput* out);
  // A topology that a peer of the same cluster holds as decided (or, for a node without any, of the cluster
  // that it is to join). Older ones and those of another cluster are ignored.
  void learn(const Topology& topology, RegisterOutput* out);

 private:
  enum class Phase : uint8_t { kIdle, kPreparing, kAccepting, kBackingOff };
  struct Voter {
    NodeId id;
    bool answered = false;
  };

  Epoch epoch() const { return state().decided_epoch() + 1; }
  bool founding() const { return epoch() == 1; }
  bool set_voters(const Topology& value);
  void start_attempt(int64_t now_us, RegisterOutput* out);
  void back_off(int64_t now_us);
  void send_to_voters(const TopologyMessage& message, RegisterOutput* out);
  bool current(Epoch epoch, const Ballot& ballot, Phase phase) const;
  // Whether this answer makes enough.
  bool count_answer(const NodeId& from);
  void handle(const NodeId& from, const Prepare& message, int64_t now_us, RegisterOutput* out);
  void handle(const NodeId& from, const Promise& message, int64_t now_us, RegisterOutput* out);
  void handle(const NodeId& from, const Accept& message, int64_t now_us, RegisterOutput* out);
  void handle(const NodeId& from, const Accepted& message, int64_t now_us, RegisterOutput* out);
  void handle(const NodeId& from, const Reject& message, int64_t now_us, RegisterOutput* out);
  void handle(const NodeId& from, const Behind& message, int64_t now_us, RegisterOutput* out);
  void handle(const NodeId& from, const Decided& message, int64_t now_us, RegisterOutput* out);
  void finish_preparing(int64_t now_us, RegisterOutput* out);
  void end(ProposalOutcome outcome, RegisterOutput* out);

  NodeId self_;
  Acceptor acceptor_;
  RegisterSettings settings_;
  engine::Random& random_;
  std::vector<NodeId> acquainted_;

  // The proposal.
  Phase phase_ = Phase::kIdle;
  std::string wanted_;  // What propose() was given.
  std::string value_;   // What is proposed: that, or what another one must have decided already.
  bool recovering_ = false;
  std::vector<Voter> voters_;
  size_t answers_needed_ = 0;
  Ballot ballot_;
  uint64_t highest_round_ = 0;
  Ballot highest_accepted_;
  std::string highest_accepted_value_;
  int64_t deadline_us_ = 0;
  uint32_t attempts_ = 0;
  NodeId missing_;
};

}  // namespace starling::cluster
