// What a node knows of the versions it holds: for each partition the sum of its records' version hashes
// (engine/replication.h). Two replicas of a partition whose sums are equal hold the same records.
//
//   in doubt ── set(), with the count read before the scan ──> known
//   known    ── observe() of another change count ───────────> in doubt (the sum stays, as the last known)
//
// Sums are of hashes modulo 2^64, so they do not depend on the order of a scan.
//
// Pure; one thread at a time.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/key.h"
#include "engine/settled.h"

namespace starling::cluster {

inline constexpr uint32_t kGroupCount = 128;
inline constexpr uint32_t kGroupPartitions = engine::kPartitionCount / kGroupCount;

using PartitionSet = std::bitset<engine::kPartitionCount>;
using GroupSums = std::array<uint64_t, kGroupCount>;
// Of one group, partition by partition.
using PartitionSums = std::array<uint64_t, kGroupPartitions>;

// Keys that have 2, 3 to 4, 5 to 8, and more values at once.
using SiblingCounts = std::array<uint32_t, 4>;
void count_siblings(size_t siblings, SiblingCounts* counts);

inline uint32_t group_of(uint16_t partition) {
  return partition / kGroupPartitions;
}

class VersionIndex {
 public:
  // Everything is in doubt.
  VersionIndex();

  // `change_count` is the partition's now; another one than that of its sum puts it in doubt.
  void observe(uint16_t partition, uint32_t change_count) { changes_[partition] = change_count; }
  // Of every partition.
  void observe(const std::function<uint32_t(uint16_t partition)>& change_count);
  // `change_count` was read before the scan began: if the partition changed since, it stays in doubt.
  // `ripe`: the least settled stamp that lets a record of the partition go (engine/settled.h).
  void set(uint16_t partition, uint64_t sum, uint32_t change_count, engine::Stamp ripe = engine::kNeverRipe,
           const SiblingCounts& siblings = {});

  bool known(uint16_t partition) const {
    return computed_[partition] && summed_[partition] == changes_[partition];
  }
  // Of those, the partitions in doubt, ascending.
  std::vector<uint16_t> in_doubt(const PartitionSet& among) const;
  size_t count_in_doubt() const;

  // Begins a comparison. The partitions of `among` that are worth it: those that are known, or have not
  // changed since the last call. One that is being written to all the time would differ by what is on its
  // way, and be scanned for nothing; it comes when it is its turn, once in kTurns calls.
  PartitionSet choose(const PartitionSet& among);
  static constexpr uint32_t kTurns = 64;

  // As last observed.
  uint32_t change_count(uint16_t partition) const { return changes_[partition]; }
  // As of the last sum; engine::kNeverRipe before.
  engine::Stamp ripe(uint16_t partition) const { return ripe_[partition]; }
  // The least of all partitions.
  engine::Stamp ripe() const;
  const SiblingCounts& siblings(uint16_t partition) const { return siblings_[partition]; }
  // Of all partitions.
  SiblingCounts siblings() const;

  // As last computed; 0 before.
  uint64_t sum(uint16_t partition) const { return sums_[partition]; }
  // Only partitions of `among` count.
  GroupSums group_sums(const PartitionSet& among) const;
  PartitionSums partition_sums(uint32_t group, const PartitionSet& among) const;

 private:
  std::vector<uint64_t> sums_;
  std::vector<uint32_t> summed_;  // The change count that the sum belongs to.
  std::vector<engine::Stamp> ripe_;
  std::vector<SiblingCounts> siblings_;
  std::vector<uint32_t> changes_;  // As last observed.
  std::vector<uint32_t> chosen_;   // As observed at the last choose().
  PartitionSet computed_;
  uint32_t turn_ = 0;
};

}  // namespace starling::cluster
