#include "cluster/repair/version_index.h"

#include <algorithm>
#include <utility>

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

const VersionFigures& VersionIndex::figures() {
  if (!std::exchange(outdated_, false)) return figures_;
  figures_ = {};
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const engine::VersionTally& tally = tallies_[i];
    figures_.in_doubt += !known(static_cast<uint16_t>(i));
    figures_.ripe = std::min(figures_.ripe, tally.ripe);
    figures_.guards += tally.guards;
    for (size_t k = 0; k < tally.siblings.size(); ++k) figures_.siblings[k] += tally.siblings[k];
  }
  return figures_;
}

void VersionIndex::set(uint16_t partition, const engine::VersionTally& tally, uint32_t change_count) {
  tallies_[partition] = tally;
  summed_[partition] = change_count;
  computed_[partition] = true;
  guarded_[partition] = tally.guards != 0;
  outdated_ = true;
}

std::vector<uint16_t> VersionIndex::in_doubt(const PartitionSet& among) const {
  std::vector<uint16_t> doubtful;
  for_each_partition(among, [&](uint16_t partition) {
    if (!known(partition)) doubtful.push_back(partition);
  });
  return doubtful;
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
