#include "cluster/topology/topology_acceptor.h"

#include <algorithm>

#include "cluster/topology/topology_codec.h"

namespace starling::cluster {
namespace {

using engine::append_string;
using engine::ByteReader;
using engine::Status;
using engine::StatusCode;

constexpr uint8_t kStateFormat = 1;

}  // namespace

std::vector<NodeId> ids_of(const Topology& topology) {
  std::vector<NodeId> ids;
  ids.reserve(topology.members.size());
  for (const Member& member : topology.members) ids.push_back(member.id);
  return ids;
}

void encode_acceptor_state(const AcceptorState& state, std::string* out) {
  out->push_back(static_cast<char>(kStateFormat));
  append_string(state.decided.has_value() ? encoded(*state.decided) : std::string(), out);
  append_ballot(state.promised, out);
  append_ballot(state.accepted_ballot, out);
  append_string(state.accepted_value, out);
}

Status decode_acceptor_state(std::string_view bytes, AcceptorState* state) {
  const auto corrupt = [] { return Status(StatusCode::kCorrupt, "topology state: malformed bytes"); };
  ByteReader reader(bytes);
  uint8_t format;
  if (!reader.read_byte(&format)) return corrupt();
  if (format != kStateFormat)
    return Status(StatusCode::kNewerFormat,
                  "topology state: format " + std::to_string(format) + " is not known to this version");
  std::string_view decided, value;
  if (!reader.read_string(&decided) || !read_ballot(&reader, &state->promised) ||
      !read_ballot(&reader, &state->accepted_ballot) || !reader.read_string(&value) || reader.left() != 0 ||
      state->accepted_ballot.valid() != !value.empty() || state->promised < state->accepted_ballot)
    return corrupt();
  state->accepted_value.assign(value);
  state->decided.reset();
  if (!decided.empty()) {
    if (Status status = decode_topology(decided, &state->decided.emplace()); !status.ok()) return status;
  }
  if (value.empty()) return Status();
  Topology accepted;
  if (Status status = decode_topology(value, &accepted); !status.ok()) return status;
  return accepted.epoch == state->decided_epoch() + 1 ? Status() : corrupt();
}

std::optional<TopologyMessage> Acceptor::answer_other_epoch(Epoch epoch) const {
  const Epoch next = state_.decided_epoch() + 1;
  if (epoch < next && state_.decided.has_value()) return Decided{encoded(*state_.decided)};
  if (epoch > next) return Behind{state_.decided_epoch()};
  return std::nullopt;
}

std::optional<TopologyMessage> Acceptor::answer(const Prepare& message, const std::vector<NodeId>& acquainted,
                                                bool* changed) {
  if (message.epoch != state_.decided_epoch() + 1) return answer_other_epoch(message.epoch);
  if (!message.ballot.valid()) return std::nullopt;
  if (message.epoch == 1 && !message.recovering) {
    for (const NodeId& id : acquainted) {
      if (!std::binary_search(message.founders.begin(), message.founders.end(), id))
        return Reject{message.epoch, message.ballot, state_.promised, id};
    }
  }
  if (message.ballot < state_.promised)
    return Reject{message.epoch, message.ballot, state_.promised, NodeId()};
  *changed = *changed || state_.promised != message.ballot;
  state_.promised = message.ballot;
  return Promise{message.epoch, message.ballot, state_.accepted_ballot, state_.accepted_value};
}

std::optional<TopologyMessage> Acceptor::answer(const Accept& message, bool* changed) {
  if (message.epoch != state_.decided_epoch() + 1) return answer_other_epoch(message.epoch);
  if (!message.ballot.valid()) return std::nullopt;
  if (message.ballot < state_.promised)
    return Reject{message.epoch, message.ballot, state_.promised, NodeId()};
  Topology value;
  if (!decode_topology(message.value, &value).ok() || value.epoch != message.epoch) return std::nullopt;
  if (state_.decided.has_value() && value.cluster_id != state_.decided->cluster_id) return std::nullopt;
  *changed = *changed || state_.accepted_ballot != message.ballot;
  state_.promised = message.ballot;
  state_.accepted_ballot = message.ballot;
  state_.accepted_value = message.value;
  return Accepted{message.epoch, message.ballot};
}

bool Acceptor::learn(const Topology& topology) {
  if (topology.epoch <= state_.decided_epoch()) return false;
  if (state_.decided.has_value() && topology.cluster_id != state_.decided->cluster_id) return false;
  state_ = AcceptorState{topology, {}, {}, {}};
  return true;
}

}  // namespace starling::cluster
