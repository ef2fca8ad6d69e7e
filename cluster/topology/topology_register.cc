#include "cluster/topology/topology_register.h"

#include <algorithm>
#include <utility>

#include "cluster/topology/topology_codec.h"
#include "cluster/wire/short_id.h"
#include "engine/base/assert.h"

namespace starling::cluster {
TopologyRegister::TopologyRegister(const NodeId& self, AcceptorState state, const RegisterSettings& settings,
                                   engine::Random& random)
    : self_(self), acceptor_(std::move(state)), settings_(settings), random_(random), acquainted_{self} {}

void TopologyRegister::set_acquainted(std::vector<NodeId> ids) {
  std::sort(ids.begin(), ids.end());
  acquainted_ = std::move(ids);
}

std::string TopologyRegister::waiting_for() const {
  if (phase_ == Phase::kIdle) return "";
  if (phase_ == Phase::kBackingOff) return "another attempt to agree on epoch " + std::to_string(epoch());
  size_t answered = 0;
  const Voter* silent = nullptr;
  for (const Voter& voter : voters_) {
    answered += voter.answered;
    if (!voter.answered && silent == nullptr) silent = &voter;
  }
  return "votes on epoch " + std::to_string(epoch()) + ": " + std::to_string(answered) + " of " +
         std::to_string(answers_needed_) + ", none from " +
         (silent != nullptr ? short_id(silent->id) : std::string("nobody"));
}

// False if this node has no vote.
bool TopologyRegister::set_voters(const Topology& value) {
  const Topology& electorate = founding() ? value : *decided();
  voters_.clear();
  bool self_votes = false;
  for (const Member& member : electorate.members) {
    if (member.state != MemberState::kActive && member.state != MemberState::kLeaving) continue;
    voters_.push_back({member.id});
    self_votes = self_votes || member.id == self_;
  }
  answers_needed_ = founding() ? voters_.size() : voters_.size() / 2 + 1;
  return self_votes;
}

bool TopologyRegister::propose(const Topology& topology, int64_t now_us, RegisterOutput* out) {
  STARLING_ASSERT(check(topology).ok());
  if (proposing() || topology.epoch != epoch()) return false;
  if (decided().has_value() && topology.cluster_id != decided()->cluster_id) return false;
  if (!set_voters(topology)) return false;
  wanted_ = value_ = encoded(topology);
  recovering_ = false;
  attempts_ = 0;
  highest_round_ = 0;
  start_attempt(now_us, out);
  return true;
}

void TopologyRegister::start_attempt(int64_t now_us, RegisterOutput* out) {
  // Above all that this node ever promised, its own earlier ballots included: no ballot is used twice, not
  // even after a restart.
  highest_round_ = std::max(highest_round_, state().promised.round) + 1;
  ballot_ = {highest_round_, self_};
  phase_ = Phase::kPreparing;
  deadline_us_ = now_us + settings_.answer_timeout_us;
  highest_accepted_ = {};
  highest_accepted_value_.clear();
  Prepare message{epoch(), ballot_, recovering_, {}};
  for (Voter& voter : voters_) {
    voter.answered = false;
    if (founding()) message.founders.push_back(voter.id);
  }
  // First to itself: the promise is persisted before the ballot leaves.
  handle(self_, message, now_us, out);
  if (phase_ == Phase::kPreparing && ballot_ == message.ballot) send_to_voters(message, out);
}

void TopologyRegister::send_to_voters(const TopologyMessage& message, RegisterOutput* out) {
  for (const Voter& voter : voters_) {
    if (voter.id != self_) out->messages.push_back({voter.id, message});
  }
}

void TopologyRegister::back_off(int64_t now_us) {
  const int64_t longest =
      std::min(settings_.backoff_max_us, settings_.backoff_min_us << std::min<uint32_t>(attempts_, 10));
  ++attempts_;
  phase_ = Phase::kBackingOff;
  deadline_us_ =
      now_us + longest / 2 + static_cast<int64_t>(random_.below(static_cast<uint64_t>(longest / 2 + 1)));
}

void TopologyRegister::end(ProposalOutcome outcome, RegisterOutput* out) {
  phase_ = Phase::kIdle;
  voters_.clear();
  wanted_.clear();
  value_.clear();
  highest_accepted_value_.clear();
  out->outcome = outcome;
}

void TopologyRegister::tick(int64_t now_us, RegisterOutput* out) {
  if (phase_ == Phase::kIdle || now_us < deadline_us_) return;
  if (phase_ == Phase::kBackingOff) {
    start_attempt(now_us, out);
  } else {
    back_off(now_us);
  }
}

void TopologyRegister::receive(const NodeId& from, const TopologyMessage& message, int64_t now_us,
                               RegisterOutput* out) {
  std::visit([&](const auto& body) { handle(from, body, now_us, out); }, message);
}

void TopologyRegister::handle(const NodeId& from, const Prepare& message, int64_t now_us,
                              RegisterOutput* out) {
  std::optional<TopologyMessage> reply = acceptor_.answer(message, acquainted_, &out->persist);
  if (!reply.has_value()) return;
  if (from == self_) return receive(self_, *reply, now_us, out);
  out->messages.push_back({from, std::move(*reply)});
}

void TopologyRegister::handle(const NodeId& from, const Accept& message, int64_t now_us,
                              RegisterOutput* out) {
  std::optional<TopologyMessage> reply = acceptor_.answer(message, &out->persist);
  if (!reply.has_value()) return;
  if (from == self_) return receive(self_, *reply, now_us, out);
  out->messages.push_back({from, std::move(*reply)});
}

bool TopologyRegister::current(Epoch of_epoch, const Ballot& ballot, Phase phase) const {
  return phase_ == phase && of_epoch == epoch() && ballot == ballot_;
}

bool TopologyRegister::count_answer(const NodeId& from) {
  size_t answered = 0;
  for (Voter& voter : voters_) {
    voter.answered = voter.answered || voter.id == from;
    answered += voter.answered;
  }
  return answered >= answers_needed_;
}

void TopologyRegister::handle(const NodeId& from, const Promise& message, int64_t now_us,
                              RegisterOutput* out) {
  if (!current(message.epoch, message.ballot, Phase::kPreparing)) return;
  if (std::none_of(voters_.begin(), voters_.end(), [&](const Voter& voter) { return voter.id == from; }))
    return;
  if (message.accepted_ballot > highest_accepted_) {
    highest_accepted_ = message.accepted_ballot;
    highest_accepted_value_ = message.accepted_value;
  }
  if (count_answer(from)) finish_preparing(now_us, out);
}

void TopologyRegister::finish_preparing(int64_t now_us, RegisterOutput* out) {
  if (highest_accepted_.valid()) {
    // It may have been decided: nothing else may be proposed any more.
    Topology accepted;
    if (!decode_topology(highest_accepted_value_, &accepted).ok() || accepted.epoch != epoch())
      return back_off(now_us);
    value_ = highest_accepted_value_;
    if (founding()) {
      std::vector<NodeId> asked;
      for (const Voter& voter : voters_) asked.push_back(voter.id);
      recovering_ = true;
      if (!set_voters(accepted)) return end(ProposalOutcome::kSuperseded, out);
      // Other founders than those asked have to promise first.
      if (ids_of(accepted) != asked) return start_attempt(now_us, out);
    }
  }
  phase_ = Phase::kAccepting;
  deadline_us_ = now_us + settings_.answer_timeout_us;
  for (Voter& voter : voters_) voter.answered = false;
  const Accept message{epoch(), ballot_, value_};
  send_to_voters(message, out);
  handle(self_, message, now_us, out);
}

void TopologyRegister::handle(const NodeId& from, const Accepted& message, int64_t, RegisterOutput* out) {
  if (!current(message.epoch, message.ballot, Phase::kAccepting) || !count_answer(from)) return;
  Topology topology;
  STARLING_ASSERT(decode_topology(value_, &topology).ok());
  const Decided news{value_};
  std::vector<NodeId> told = ids_of(topology);
  for (const Voter& voter : voters_) told.push_back(voter.id);
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  for (const NodeId& id : told) {
    if (id != self_) out->messages.push_back({id, news});
  }
  learn(topology, out);
}

void TopologyRegister::handle(const NodeId& from, const Reject& message, int64_t now_us,
                              RegisterOutput* out) {
  (void)from;
  if (!current(message.epoch, message.ballot, Phase::kPreparing) &&
      !current(message.epoch, message.ballot, Phase::kAccepting))
    return;
  highest_round_ = std::max(highest_round_, message.promised.round);
  if (message.missing.valid()) {
    missing_ = message.missing;
    return end(ProposalOutcome::kUnacquainted, out);
  }
  back_off(now_us);
}

void TopologyRegister::handle(const NodeId& from, const Behind& message, int64_t, RegisterOutput* out) {
  if (!decided().has_value() || message.epoch >= decided()->epoch) return;
  out->messages.push_back({from, Decided{encoded(*decided())}});
  if (phase_ != Phase::kPreparing || founding()) return;
  out->messages.push_back({from, Prepare{epoch(), ballot_, recovering_, {}}});
}

void TopologyRegister::handle(const NodeId&, const Decided& message, int64_t, RegisterOutput* out) {
  Topology topology;
  if (!decode_topology(message.value, &topology).ok()) return;
  // A node without a cluster takes part in one that counts it in, not in any that talks to it.
  if (!decided().has_value() && topology.index_of(self_) == kNoNode) return;
  learn(topology, out);
}

void TopologyRegister::learn(const Topology& topology, RegisterOutput* out) {
  if (!acceptor_.learn(topology)) return;
  out->persist = true;
  out->decided = true;
  if (!proposing()) return;
  end(encoded(topology) == wanted_ ? ProposalOutcome::kDecided : ProposalOutcome::kSuperseded, out);
}

}  // namespace starling::cluster
