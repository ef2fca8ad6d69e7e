// Changes of the ring, step by step, each step the topology of the next epoch:
//
//   begun     members join, leave or weigh something else. The next ring is planned; writes count in both rings
//             (kCopying). Who is a replica in the next ring only is brought what the present ones have
//      |      everybody has been brought everything: switch
//      v
//   switched  the next ring is read. Writes count in both still: somebody may not have heard of it yet (kSwitched)
//      |      everybody has heard of it: finish
//      v
//   finished  there is one ring. Who leaves is no member any more
//
// or, from begun, back: aborted. Nothing of that is ever in two epochs at once, as an epoch is decided once
// (topology_register.h); who proposes a step that was made already is told so.
//
// Why two steps and not one: a write at the last of them reaches a quorum of the next ring only, and a read at the
// first one asks a quorum of the present ring only, so the two must not be in force at once anywhere. In between both
// find a common replica.
//
// Pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cluster/topology/topology.h"
#include "engine/base/status.h"

namespace starling::cluster {

struct RingChange {
  // Their state is not looked at; a weight out of bounds counts as the nearest one within.
  std::vector<Member> joins;
  std::vector<NodeId> leaves;
  std::vector<std::pair<NodeId, uint32_t>> weights;

  bool empty() const { return joins.empty() && leaves.empty() && weights.empty(); }
};

// The topology that begins the change. kInvalid says why it cannot be: the ring is changing already, who joins was
// removed or is a member, who leaves is none, or nobody would be left.
[[nodiscard]] engine::Status begin_transition(const Topology& present, const RingChange& change,
                                              Topology* next);
// Preconditions: kCopying for the first two, kSwitched for the last one.
Topology switched(const Topology& present);
Topology aborted(const Topology& present);
Topology finished(const Topology& present);

// How many partitions each member stores before and after, by its place in the list.
struct Load {
  std::vector<uint32_t> before, after;
  uint32_t moved = 0;  // Copies of partitions that somebody has to be brought.
};
Load load_of(const Topology& changing);

}  // namespace starling::cluster
