#include "cluster/repair/restless_settlement.h"

#include <algorithm>
#include <utility>

namespace starling::cluster {
namespace {

// Then a later round begins anew, with a later stamp.
constexpr int64_t kPatienceUs = 60'000'000;
// Of one question.
constexpr size_t kMaxAsked = 1024;
// Questions are numbered from the epoch on: a late answer to one of an earlier epoch counts for nothing.
constexpr int kEpochShift = 32;

}  // namespace

RestlessSettlement::RestlessSettlement(std::shared_ptr<const Placement> placement)
    : placement_(std::move(placement)), last_question_(placement_->topology.epoch << kEpochShift) {}

void RestlessSettlement::add(const PartitionSet& partitions, const Settlement& round, int64_t now_us) {
  const auto marks = std::make_shared<const std::vector<Mark>>(round.marks());
  for_each_partition(partitions, [&](uint16_t partition) {
    Proof proof{round.stamp(), marks, now_us + kPatienceUs, last_question_ + 1, false, {}};
    proof.same.resize(placement_->replicas(partition).size());
    proofs_.try_emplace(partition, std::move(proof));
  });
}

bool RestlessSettlement::all_same(uint16_t partition, const Proof& proof) const {
  const auto replicas = placement_->replicas(partition);
  for (size_t slot = 0; slot < replicas.size(); ++slot) {
    if (replicas[slot] != placement_->self && !proof.same[slot]) return false;
  }
  return true;
}

void RestlessSettlement::prove(Proofs::iterator proof, std::vector<Message>* messages) {
  const auto& [partition, proven] = *proof;
  for (const NodeIndex replica : placement_->replicas(partition)) {
    messages->push_back(
        {replica,
         encode_proven(
             {placement_->topology.epoch, (*proven.marks)[replica].boot, proven.stamp, {partition}})});
  }
  proofs_.erase(proof);
}

std::vector<RestlessSettlement::Message> RestlessSettlement::ask(const SumOf& sum_of, int64_t now_us) {
  std::vector<Message> messages;
  std::erase_if(proofs_, [&](const auto& proof) { return proof.second.until_us < now_us; });
  ++last_question_;
  std::map<NodeIndex, SameRequest> requests;
  auto at = proofs_.lower_bound(next_);
  for (size_t left = std::min(proofs_.size(), kMaxAsked); left > 0; --left) {
    if (at == proofs_.end()) at = proofs_.begin();
    const auto& [partition, proof] = *at;
    if (all_same(partition, proof)) {  // There is no other replica.
      prove(std::exchange(at, std::next(at)), &messages);
      continue;
    }
    ++at;
    const std::optional<uint64_t> sum = sum_of(partition);
    if (!sum) continue;
    const auto replicas = placement_->replicas(partition);
    for (size_t slot = 0; slot < replicas.size(); ++slot) {
      if (replicas[slot] == placement_->self || proof.same[slot]) continue;
      requests[replicas[slot]].sums.emplace_back(partition, *sum);
    }
  }
  next_ = at == proofs_.end() ? 0 : at->first;
  for (auto& [node, request] : requests) {
    request.epoch = placement_->topology.epoch;
    request.number = last_question_;
    std::sort(request.sums.begin(), request.sums.end());
    messages.push_back({node, encode_same(request)});
  }
  return messages;
}

std::vector<RestlessSettlement::Message> RestlessSettlement::receive(NodeIndex from, const SameReply& reply) {
  std::vector<Message> messages;
  if (reply.number > last_question_) return messages;
  for (const uint16_t partition : reply.partitions) {
    const auto found = proofs_.find(partition);
    // What was asked before it began, or for the first pass, says nothing now.
    if (found == proofs_.end() || reply.number < found->second.first_question) continue;
    Proof& proof = found->second;
    const auto replicas = placement_->replicas(partition);
    const auto slot = std::find(replicas.begin(), replicas.end(), from);
    if (slot == replicas.end()) continue;
    proof.same[static_cast<size_t>(slot - replicas.begin())] = true;
    if (!all_same(partition, proof)) continue;
    if (std::exchange(proof.second_pass, true)) {
      prove(found, &messages);
      continue;
    }
    proof.first_question = last_question_ + 1;
    std::fill(proof.same.begin(), proof.same.end(), false);
  }
  return messages;
}

}  // namespace starling::cluster
