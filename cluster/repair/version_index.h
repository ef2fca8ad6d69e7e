// What a node knows of the versions it holds, as last observed: for each partition the sum of its records'
// version hashes (engine/memory/version_tally.h). Two replicas of a partition whose sums are equal hold the same
// records. The sums are of hashes modulo 2^64, so they do not depend on any order.
//
//   in doubt ── set(), with the count that the sum belongs to ──> known
//   known    ── observe() of another change count, or forget() ──> in doubt (the sum stays, as the last known)
//
// Pure; one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cluster/topology/partition_set.h"
#include "engine/base/key.h"
#include "engine/memory/settled.h"
#include "engine/memory/version_tally.h"

namespace starling::cluster {

inline constexpr uint32_t kGroupCount = 128;
inline constexpr uint32_t kGroupPartitions = engine::kPartitionCount / kGroupCount;

using GroupSums = std::array<uint64_t, kGroupCount>;
// Of one group, partition by partition.
using PartitionSums = std::array<uint64_t, kGroupPartitions>;

using engine::SiblingCounts;

inline uint32_t group_of(uint16_t partition) {
  return partition / kGroupPartitions;
}

// Of all partitions at once.
struct VersionFigures {
  size_t in_doubt = 0;
  engine::Stamp ripe = engine::kNeverRipe;  // The least settled stamp that lets a record go.
  SiblingCounts siblings{};
  uint64_t guards = 0;
};

class VersionIndex {
 public:
  // Everything is in doubt.
  VersionIndex();

  // The partition is now as the engine says.
  void observe(uint16_t partition, const engine::TallyView& view);
  // `change_count` is the partition's now; another one than that of its sum puts it in doubt.
  void observe(uint16_t partition, uint32_t change_count) {
    changes_[partition] = change_count;
    outdated_ = true;
  }
  // The partition is as it was at `change_count`; if it changed since, it stays in doubt.
  void set(uint16_t partition, const engine::VersionTally& tally, uint32_t change_count);
  // Nothing is known of it now.
  void forget(uint16_t partition) {
    computed_[partition] = false;
    outdated_ = true;
  }

  bool known(uint16_t partition) const {
    return computed_[partition] && summed_[partition] == changes_[partition];
  }
  // Of those, the partitions in doubt, ascending.
  std::vector<uint16_t> in_doubt(const PartitionSet& among) const;
  // Costs nothing while nothing has changed.
  const VersionFigures& figures();

  // A round of comparisons with all peers; a comparison with one of them.
  void begin_round() { turn_ = (turn_ + 1) % kTurns; }
  void begin_comparison() { compared_ = changes_; }
  // The partition has changed since the comparison began: if its sums differ, that may be what is on its way.
  // One that is written to all the time has its turn once in kTurns rounds nevertheless.
  bool restless(uint16_t partition) const {
    return changes_[partition] != compared_[partition] && partition % kTurns != turn_;
  }
  static constexpr uint32_t kTurns = 64;

  // As last observed.
  uint32_t change_count(uint16_t partition) const { return changes_[partition]; }
  // As of the last sum; nothing before.
  const engine::VersionTally& tally(uint16_t partition) const { return tallies_[partition]; }
  // The least settled stamp that lets a record of the partition go (engine/memory/settled.h).
  engine::Stamp ripe(uint16_t partition) const { return tallies_[partition].ripe; }
  // Those that have something that only being settled lets go, though no tombstone: keys that another node
  // said are gone.
  const PartitionSet& guarded() const { return guarded_; }

  uint64_t sum(uint16_t partition) const { return tallies_[partition].sum; }
  // Only partitions of `among` count.
  GroupSums group_sums(const PartitionSet& among) const;
  PartitionSums partition_sums(uint32_t group, const PartitionSet& among) const;

 private:
  std::vector<engine::VersionTally> tallies_;
  std::vector<uint32_t> summed_;    // The change count that the tally belongs to.
  std::vector<uint32_t> changes_;   // As last observed.
  std::vector<uint32_t> compared_;  // As they were when the comparison began.
  PartitionSet computed_;
  PartitionSet guarded_;
  VersionFigures figures_;
  bool outdated_ = true;  // The figures are.
  uint32_t turn_ = 0;
};

}  // namespace starling::cluster
