#include "cluster/data/read_findings.h"

namespace starling::cluster {

Nodes nodes_ahead(engine::Replica& replica, const engine::Key& key, std::span<const PeerVersion> versions) {
  Nodes nodes;
  for (const PeerVersion& version : versions) {
    engine::Order order = engine::Order::kEqual;
    if (!replica.compare(key, version.context, &order).ok()) continue;
    if (order == engine::Order::kBefore || order == engine::Order::kConcurrent) nodes.push_back(version.node);
  }
  return nodes;
}

Nodes nodes_behind(engine::Replica& replica, const engine::Key& key, std::span<const PeerVersion> versions,
                   const Placement& placement) {
  Nodes nodes;
  for (const PeerVersion& version : versions) {
    if (!placement.stores(key.partition, version.node)) continue;
    engine::Order order = engine::Order::kEqual;
    if (replica.compare(key, version.context, &order).ok() && order != engine::Order::kEqual)
      nodes.push_back(version.node);
  }
  return nodes;
}

}  // namespace starling::cluster
