// What the answers of a quorum read come to, beside the record that the asking node has itself.
//
// Both functions need the key locked by the replica's operation, and resident.
#pragma once

#include <span>

#include "absl/container/inlined_vector.h"
#include "cluster/data/coordinator.h"
#include "cluster/topology/placement.h"
#include "engine/replica/replication.h"

namespace starling::cluster {

using Nodes = absl::InlinedVector<NodeIndex, 4>;

// Who knows of events of the key that this node has not: the command cannot run before they were fetched.
// What cannot be compared (an answer that does not decode) counts for nothing.
Nodes nodes_ahead(engine::Replica& replica, const engine::Key& key, std::span<const PeerVersion> versions);

// Replicas that differ from this node once nobody is ahead of it: they get the whole record. A stand-in that
// was asked keeps nothing without a hint, so it is left out.
Nodes nodes_behind(engine::Replica& replica, const engine::Key& key, std::span<const PeerVersion> versions,
                   const Placement& placement);

}  // namespace starling::cluster
