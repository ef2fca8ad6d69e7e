// What the loops of this node owe to others (cluster/data/obligations.h), taken together.
//
// Called on the first loop's thread, where `done` runs too. Each loop does its part between two commands, so
// all that it has run before is accounted for.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cluster/repair/version_index.h"

namespace starling::server {

class ClusterThread;

// Begins a mark on every loop.
void mark_obligations(const std::vector<ClusterThread*>& threads, uint64_t number,
                      const std::function<void()>& done);
// The partitions of which something was owed at the mark or since.
void gather_obligations(const std::vector<ClusterThread*>& threads, uint64_t number,
                        std::function<void(const cluster::PartitionSet& owed)> done);

}  // namespace starling::server
