#include "cluster/version_index.h"

#include <algorithm>

namespace starling::cluster {

VersionIndex::VersionIndex()
    : tallies_(engine::kPartitionCount),
      summed_(engine::kPartitionCount),
      changes_(engine::kPartitionCount),
      compared_(engine::kPartitionCount) {}

void VersionIndex::observe(uint16_t partition, const engine::TallyView& view) {
  observe(partition, view.changes);
  if (view.known) {
    set(partition, view.tally, view.changes);
  } else {
    forget(partition);
  }
}

engine::Stamp VersionIndex::ripe() const {
  engine::Stamp least = engine::kNeverRipe;
  for (const engine::VersionTally& tally : tallies_) least = std::min(least, tally.ripe);
  return least;
}

SiblingCounts VersionIndex::siblings() const {
  SiblingCounts total{};
  for (const engine::VersionTally& tally : tallies_) {
    for (size_t i = 0; i < total.size(); ++i) total[i] += tally.siblings[i];
  }
  return total;
}

uint64_t VersionIndex::guards() const {
  uint64_t total = 0;
  for (const engine::VersionTally& tally : tallies_) total += tally.guards;
  return total;
}

void VersionIndex::set(uint16_t partition, const engine::VersionTally& tally, uint32_t change_count) {
  tallies_[partition] = tally;
  summed_[partition] = change_count;
  computed_[partition] = true;
  guarded_[partition] = tally.guards != 0;
}

std::vector<uint16_t> VersionIndex::in_doubt(const PartitionSet& among) const {
  std::vector<uint16_t> doubtful;
  for_each_partition(among, [&](uint16_t partition) {
    if (!known(partition)) doubtful.push_back(partition);
  });
  return doubtful;
}

size_t VersionIndex::count_in_doubt() const {
  size_t count = 0;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) count += !known(static_cast<uint16_t>(i));
  return count;
}

GroupSums VersionIndex::group_sums(const PartitionSet& among) const {
  GroupSums sums{};
  for_each_partition(among,
                     [&](uint16_t partition) { sums[group_of(partition)] += tallies_[partition].sum; });
  return sums;
}

PartitionSums VersionIndex::partition_sums(uint32_t group, const PartitionSet& among) const {
  PartitionSums sums{};
  for (uint32_t i = 0; i < kGroupPartitions; ++i) {
    const uint32_t partition = group * kGroupPartitions + i;
    if (among[partition]) sums[i] = tallies_[partition].sum;
  }
  return sums;
}

}  // namespace starling::cluster
