// Which partitions this node owes changes of to others, until each replica has answered or a hint is kept. An event
// that a replica has not got is owed by somebody.
//
// Marks are moments, numbered by the caller. Who has changes of a partition only to pass them on (an attempt, a write
// of which this node holds no replica) is found later if he owed any at a mark or since, also when the debt was
// passed on in between. What this node holds as well can be found here, and is only counted; what of it was begun
// before a mark, the coordinator's requests tell.
//
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/repair/version_index.h"

namespace starling::cluster {

class Obligations {
 public:
  Obligations()
      : owed_(engine::kPartitionCount),
        held_(engine::kPartitionCount),
        last_(engine::kPartitionCount),
        groups_(kGroupCount) {}

  void begin(uint16_t partition) {
    ++owed_[partition];
    ++groups_[group_of(partition)].owed;
  }
  void end(uint16_t partition) {
    --owed_[partition];
    last_[partition] = mark_;
    Group& group = groups_[group_of(partition)];
    --group.owed;
    group.last = mark_;
  }
  // Of what this node holds.
  void begin_held(uint16_t partition) { ++held_[partition]; }
  void end_held(uint16_t partition) { --held_[partition]; }
  bool owed(uint16_t partition) const { return owed_[partition] + held_[partition] != 0; }

  // The moment of this number is now. Numbers rise.
  void mark(uint64_t number) { mark_ = number; }
  uint64_t last_mark() const { return mark_; }
  // As if something had been owed for an instant.
  void note(uint16_t partition) {
    begin(partition);
    end(partition);
  }
  // Adds the partitions of which something was owed at that moment or at any time since.
  void add_since(uint64_t number, PartitionSet* partitions) const {
    for (uint32_t group = 0; group < kGroupCount; ++group) {
      if (groups_[group].owed == 0 && groups_[group].last < number) continue;
      for (uint32_t i = group * kGroupPartitions; i < (group + 1) * kGroupPartitions; ++i) {
        if (owed_[i] != 0 || last_[i] >= number) partitions->set(i);
      }
    }
  }

 private:
  // Of neighbours, to pass them over: the sum, and the latest.
  struct Group {
    uint64_t owed = 0, last = 0;
  };
  uint64_t mark_ = 0;
  std::vector<uint32_t> owed_;
  std::vector<uint32_t> held_;
  std::vector<uint64_t> last_;  // The mark after which the last debt ended; 0: none ever did.
  std::vector<Group> groups_;
};

}  // namespace starling::cluster
