#include "cluster/version_index.h"

#include <algorithm>

namespace starling::cluster {

void count_siblings(size_t siblings, SiblingCounts* counts) {
  if (siblings < 2) return;
  ++(*counts)[siblings > 8 ? 3 : siblings > 4 ? 2 : siblings > 2 ? 1 : 0];
}

VersionIndex::VersionIndex()
    : sums_(engine::kPartitionCount),
      summed_(engine::kPartitionCount),
      ripe_(engine::kPartitionCount, engine::kNeverRipe),
      siblings_(engine::kPartitionCount),
      changes_(engine::kPartitionCount),
      chosen_(engine::kPartitionCount) {}

void VersionIndex::observe(const std::function<uint32_t(uint16_t partition)>& change_count) {
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    changes_[i] = change_count(static_cast<uint16_t>(i));
  }
}

engine::Stamp VersionIndex::ripe() const {
  return *std::min_element(ripe_.begin(), ripe_.end());
}

SiblingCounts VersionIndex::siblings() const {
  SiblingCounts total{};
  for (const SiblingCounts& counts : siblings_) {
    for (size_t i = 0; i < total.size(); ++i) total[i] += counts[i];
  }
  return total;
}

void VersionIndex::set(uint16_t partition, uint64_t sum, uint32_t change_count, engine::Stamp ripe,
                       const SiblingCounts& siblings) {
  ripe_[partition] = ripe;
  siblings_[partition] = siblings;
  sums_[partition] = sum;
  summed_[partition] = change_count;
  computed_[partition] = true;
}

std::vector<uint16_t> VersionIndex::in_doubt(const PartitionSet& among) const {
  std::vector<uint16_t> doubtful;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    if (among[i] && !known(partition)) doubtful.push_back(partition);
  }
  return doubtful;
}

size_t VersionIndex::count_in_doubt() const {
  size_t count = 0;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) count += !known(static_cast<uint16_t>(i));
  return count;
}

PartitionSet VersionIndex::choose(const PartitionSet& among) {
  PartitionSet chosen;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const bool quiet = changes_[i] == chosen_[i];
    chosen[i] = among[i] && (quiet || known(static_cast<uint16_t>(i)) || i % kTurns == turn_);
    chosen_[i] = changes_[i];
  }
  turn_ = (turn_ + 1) % kTurns;
  return chosen;
}

GroupSums VersionIndex::group_sums(const PartitionSet& among) const {
  GroupSums sums{};
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    if (among[i]) sums[group_of(static_cast<uint16_t>(i))] += sums_[i];
  }
  return sums;
}

PartitionSums VersionIndex::partition_sums(uint32_t group, const PartitionSet& among) const {
  PartitionSums sums{};
  for (uint32_t i = 0; i < kGroupPartitions; ++i) {
    const uint32_t partition = group * kGroupPartitions + i;
    if (among[partition]) sums[i] = sums_[partition];
  }
  return sums;
}

}  // namespace starling::cluster
