// What the loops of this node owe to others (cluster/data/obligations.h), taken together.
//
// Called on the first loop's thread, where `done` runs too. Each loop does its part between two commands, so
// all that it has run before is accounted for.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cluster/data/ordered_changes.h"
#include "cluster/repair/version_index.h"

namespace starling::server {

class ClusterThread;

// Begins a mark on every loop, when each has ended what it was at: so what was handed from one to another then is
// in that one's queue, or its own.
void mark_obligations(const std::vector<ClusterThread*>& threads, const cluster::OrderedChanges& order,
                      uint64_t number, const std::function<void()>& done);
// The partitions of which something from before the mark is owed, or was owed since by who cannot be asked for it.
void gather_obligations(const std::vector<ClusterThread*>& threads, uint64_t number,
                        std::function<void(const cluster::PartitionSet& owed)> done);

}  // namespace starling::server
