// What gossip knows of a node, as changes of the ring need it (transition_driver.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "cluster/topology/topology.h"

namespace starling::cluster {

struct RingNode {
  NodeId id;
  bool alive = false;  // Neither suspect nor down.
  bool down = false;
  size_t accusers = 0;          // Nodes that hear nothing of it, this one among them.
  Epoch epoch = 0;              // Of the topology that it serves by.
  Epoch received = 0;           // The change of which it was brought everything.
  bool drops = false;           // It is removing what is others' since an earlier change.
  std::optional<Member> joins;  // Without a cluster: it asks to be counted in, as that.
};

// Null: there is none.
inline const RingNode* find_node(std::span<const RingNode> nodes, const NodeId& id) {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const RingNode& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

}  // namespace starling::cluster
