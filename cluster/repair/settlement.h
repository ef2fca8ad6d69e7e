// Finds out up to which stamp partitions are settled: the proof that lets tombstones go. See README.md,
// "Tombstones".
//
//   start() ──> mark, to every member ── receive() from all ──> busy since its mark, to every member
//           ── receive() from all ──> kReady: compare sums with each other replica, scans begun from now on
//           ── compared() for each ──> proposals(): adopt, to the replicas, of what is equal on all of them
//
// The leader of a partition, who does this, is the first of its replicas. Anything missing, malformed or
// refused is kFailed: nothing is settled in this round, and nothing lost.
//
// Pure; one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/repair/settle_messages.h"
#include "cluster/repair/version_index.h"
#include "cluster/topology/placement.h"

namespace starling::cluster {

class Settlement {
 public:
  // A message for a member, this node among them: its own answers count like any other's.
  struct Message {
    NodeIndex to;
    std::string bytes;
  };
  enum class State { kMarking, kAsking, kReady, kFailed };

  explicit Settlement(std::shared_ptr<const Placement> placement);

  std::vector<Message> start();
  // The answer of a member to the last message to it. `next`: what to send then.
  State receive(NodeIndex from, std::string_view payload, std::vector<Message>* next);
  State state() const { return state_; }
  const Placement& placement() const { return *placement_; }

  // --- Once it is ready.
  // Every event up to this stamp has been made, and what of partitions that nobody owes anything of is not at
  // the replicas is nowhere.
  engine::Stamp stamp() const { return stamp_; }
  const std::vector<Mark>& marks() const { return marks_; }  // By member.
  // The sums of these were the same here and there, in scans begun since this is ready.
  void compared(NodeIndex peer, const PartitionSet& equal);
  // Of all that this node holds, what was the same on every replica.
  PartitionSet equal_everywhere() const;
  // What is equal on all replicas, known now, and has something to gain: tombstones that would go, or, at any
  // member, guards.
  std::vector<Message> proposals(const VersionIndex& index) const;
  // What this node leads, nobody owes anything of, and has had something to gain since before this stamp.
  PartitionSet overdue(const VersionIndex& index, engine::Stamp since) const;

 private:
  State fail();
  bool leads(uint16_t partition) const;
  bool equal_on_replicas(uint16_t partition) const;

  const std::shared_ptr<const Placement> placement_;
  State state_ = State::kMarking;
  std::vector<Mark> marks_;
  std::vector<bool> answered_;
  size_t missing_ = 0;
  engine::Stamp stamp_ = engine::kNeverRipe;
  PartitionSet unowed_;              // Nobody owes anything of them.
  PartitionSet guarded_;             // At any member.
  std::vector<PartitionSet> equal_;  // By member.
};

}  // namespace starling::cluster
