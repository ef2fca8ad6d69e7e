#include "cluster/repair/settlement.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace starling::cluster {

Settlement::Settlement(std::shared_ptr<const Placement> placement)
    : placement_(std::move(placement)),
      marks_(placement_->numbers_end()),
      answered_(placement_->numbers_end()),
      equal_(placement_->numbers_end()) {}

std::vector<Settlement::Message> Settlement::start() {
  missing_ = placement_->nodes().size();
  std::vector<Message> messages;
  for (const NodeIndex node : placement_->nodes())
    messages.push_back({node, encode_mark(placement_->topology.epoch)});
  unowed_.set();
  return messages;
}

Settlement::State Settlement::fail() {
  return state_ = State::kFailed;
}

Settlement::State Settlement::receive(NodeIndex from, std::string_view payload, std::vector<Message>* next) {
  if (state_ != State::kMarking && state_ != State::kAsking) return state_;
  MessageReader reader(payload);
  ReplyResult result;
  if (!placement_->is_member(from) || !reader.read_result(&result) || result != ReplyResult::kOk)
    return fail();
  if (answered_[from]) return state_;
  const std::string_view detail = payload.substr(1);
  if (state_ == State::kMarking) {
    if (!decode_mark_reply(detail, &marks_[from])) return fail();
    stamp_ = std::min(stamp_, marks_[from].stamp);
  } else {
    PartitionSet busy, guarded;
    if (!decode_busy_reply(detail, &busy, &guarded)) return fail();
    unowed_ &= ~busy;
    guarded_ |= guarded;
  }
  answered_[from] = true;
  if (--missing_ != 0) return state_;
  if (state_ == State::kAsking) return state_ = State::kReady;
  state_ = State::kAsking;
  missing_ = placement_->nodes().size();
  for (const NodeIndex node : placement_->nodes()) {
    answered_[node] = false;
    next->push_back({node, encode_busy(placement_->topology.epoch, marks_[node])});
  }
  return state_;
}

void Settlement::compared(NodeIndex peer, const PartitionSet& equal) {
  STARLING_ASSERT(peer < equal_.size());
  equal_[peer] |= equal;
}

bool Settlement::leads(uint16_t partition) const {
  // One that moves waits: who is brought it has nothing that could be compared yet.
  const auto replicas = placement_->replicas(partition);
  return !placement_->moving(partition) && !replicas.empty() && replicas.front() == placement_->self;
}

bool Settlement::equal_on_replicas(uint16_t partition) const {
  const auto replicas = placement_->replicas(partition);
  return std::all_of(replicas.begin(), replicas.end(), [&](NodeIndex replica) {
    return replica == placement_->self || equal_[replica][partition];
  });
}

PartitionSet Settlement::equal_everywhere() const {
  PartitionSet set;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    set[i] = placement_->holds(partition, placement_->self) && equal_on_replicas(partition);
  }
  return set;
}

PartitionSet Settlement::overdue(const VersionIndex& index, engine::Stamp since) const {
  PartitionSet set;
  if (state_ != State::kReady) return set;
  for_each_partition(unowed_, [&](uint16_t partition) {
    const bool waits = guarded_[partition] || index.ripe(partition) <= std::min(since, stamp_);
    set[partition] = leads(partition) && waits;
  });
  return set;
}

std::vector<Settlement::Message> Settlement::proposals(const VersionIndex& index) const {
  if (state_ != State::kReady) return {};
  PartitionSet possible = unowed_;
  if (placement_->preference.width() > 1) {
    PartitionSet equal_anywhere;
    for (const PartitionSet& equal : equal_) equal_anywhere |= equal;
    possible &= equal_anywhere;
  }
  std::vector<AdoptRequest> requests(marks_.size(), AdoptRequest{placement_->topology.epoch, stamp_, {}});
  for_each_partition(possible, [&](uint16_t partition) {
    if (!leads(partition) || !index.known(partition)) return;
    if (index.ripe(partition) > stamp_ && !guarded_[partition]) return;
    if (!equal_on_replicas(partition)) return;
    for (const NodeIndex replica : placement_->replicas(partition))
      requests[replica].sums.emplace_back(partition, index.sum(partition));
  });
  std::vector<Message> messages;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!requests[i].sums.empty()) messages.push_back({static_cast<NodeIndex>(i), encode_adopt(requests[i])});
  }
  return messages;
}

}  // namespace starling::cluster
