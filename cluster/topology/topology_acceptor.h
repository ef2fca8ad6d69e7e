// One voter's side of deciding the next topology (topology_register.h): Lamport's acceptor for one epoch at a
// time, with the last decided topology, which says which epoch that is. Pure: what changes is in state(),
// which the owner persists before any answer leaves.
//
//   state := format byte (1), decided string, promised ballot, accepted ballot, accepted value string
//   decided and the values := encoded topologies, or empty; ballots as in topology_messages.h, or all zero
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/topology/topology.h"
#include "cluster/topology/topology_messages.h"
#include "engine/base/status.h"

namespace starling::cluster {

struct AcceptorState {
  std::optional<Topology> decided;
  // Of the epoch after the decided one.
  Ballot promised;
  Ballot accepted_ballot;
  std::string accepted_value;  // Empty: none.

  Epoch decided_epoch() const { return decided.has_value() ? decided->epoch : 0; }
  bool operator==(const AcceptorState&) const = default;
};

// Appends.
void encode_acceptor_state(const AcceptorState& state, std::string* out);
// kCorrupt or kNewerFormat; the output is unspecified then.
[[nodiscard]] engine::Status decode_acceptor_state(std::string_view bytes, AcceptorState* state);

class Acceptor {
 public:
  explicit Acceptor(AcceptorState state) : state_(std::move(state)) {}

  const AcceptorState& state() const { return state_; }

  // The answer to `message`; nothing where it deserves none. *changed is set when the state is to be
  // persisted. `acquainted`, sorted, are the nodes that this one would found a cluster with: it promises to
  // found none without them.
  std::optional<TopologyMessage> answer(const Prepare& message, const std::vector<NodeId>& acquainted,
                                        bool* changed);
  std::optional<TopologyMessage> answer(const Accept& message, bool* changed);

  // A topology that was decided. False, and nothing changes, if it is not newer or of another cluster.
  bool learn(const Topology& topology);

 private:
  // An answer that does not depend on the ballot: the epoch is decided already, or not yet up for decision.
  std::optional<TopologyMessage> answer_other_epoch(Epoch epoch) const;

  AcceptorState state_;
};

// The ids of a topology's members, ascending.
std::vector<NodeId> ids_of(const Topology& topology);

}  // namespace starling::cluster
