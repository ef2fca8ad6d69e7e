#include "cluster/settlement.h"

#include <algorithm>
#include <utility>

#include "engine/assert.h"

namespace starling::cluster {

Settlement::Settlement(std::shared_ptr<const Placement> placement)
    : placement_(std::move(placement)),
      marks_(placement_->topology.members.size()),
      answered_(placement_->topology.members.size()),
      equal_(placement_->topology.members.size()) {}

std::vector<Settlement::Message> Settlement::start() {
  const size_t members = marks_.size();
  missing_ = members;
  std::vector<Message> messages;
  for (size_t i = 0; i < members; ++i)
    messages.push_back({static_cast<NodeIndex>(i), encode_mark(placement_->topology.epoch)});
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto replicas = placement_->replicas(static_cast<uint16_t>(i));
    candidates_[i] = !replicas.empty() && replicas.front() == placement_->self;
  }
  return messages;
}

Settlement::State Settlement::fail() {
  candidates_.reset();
  return state_ = State::kFailed;
}

Settlement::State Settlement::receive(NodeIndex from, std::string_view payload, std::vector<Message>* next) {
  if (state_ != State::kMarking && state_ != State::kAsking) return state_;
  MessageReader reader(payload);
  ReplyResult result;
  if (from >= marks_.size() || !reader.read_result(&result) || result != ReplyResult::kOk) return fail();
  if (answered_[from]) return state_;
  const std::string_view detail = payload.substr(1);
  if (state_ == State::kMarking) {
    if (!decode_mark_reply(detail, &marks_[from])) return fail();
    stamp_ = std::min(stamp_, marks_[from].stamp);
  } else {
    PartitionSet busy;
    if (!decode_busy_reply(detail, &busy)) return fail();
    candidates_ &= ~busy;
  }
  answered_[from] = true;
  if (--missing_ != 0) return state_;
  if (state_ == State::kAsking) return state_ = State::kReady;
  state_ = State::kAsking;
  missing_ = marks_.size();
  for (size_t i = 0; i < marks_.size(); ++i) {
    answered_[i] = false;
    next->push_back({static_cast<NodeIndex>(i), encode_busy(placement_->topology.epoch, marks_[i])});
  }
  return state_;
}

void Settlement::compared(NodeIndex peer, const PartitionSet& equal) {
  STARLING_ASSERT(peer < equal_.size());
  equal_[peer] |= equal;
}

PartitionSet Settlement::equal_everywhere() const {
  PartitionSet set;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (!placement_->holds(partition, placement_->self)) continue;
    const auto replicas = placement_->replicas(partition);
    set[i] = std::all_of(replicas.begin(), replicas.end(), [&](NodeIndex replica) {
      return replica == placement_->self || equal_[replica][i];
    });
  }
  return set;
}

std::vector<Settlement::Message> Settlement::proposals(const VersionIndex& index) const {
  const PartitionSet equal = equal_everywhere();
  std::vector<AdoptRequest> requests(marks_.size(), AdoptRequest{placement_->topology.epoch, stamp_, {}});
  for (uint32_t i = 0; state_ == State::kReady && i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (!candidates_[i] || !index.known(partition) || index.ripe(partition) > stamp_) continue;
    if (!equal[i]) continue;
    for (const NodeIndex replica : placement_->replicas(partition))
      requests[replica].sums.emplace_back(partition, index.sum(partition));
  }
  std::vector<Message> messages;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!requests[i].sums.empty()) messages.push_back({static_cast<NodeIndex>(i), encode_adopt(requests[i])});
  }
  return messages;
}

}  // namespace starling::cluster
