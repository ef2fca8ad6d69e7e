#include "cluster/topology/ring_view.h"

namespace starling::cluster {

std::vector<RingNode> ring_view(std::span<const MemberView> members) {
  std::vector<RingNode> nodes;
  for (const MemberView& view : members) {
    const NodeDescription& description = view.description;
    if (description.port == 0) continue;
    RingNode& node = nodes.emplace_back();
    node.id = view.id;
    node.alive = view.phase == Phase::kAlive;
    node.down = view.phase == Phase::kDown;
    node.accusers = view.accusers;
    node.epoch = description.topology_epoch;
    node.received = description.received;
    node.drops = description.drops;
    if (!description.joins || description.cluster_id != 0) continue;
    node.joins = Member{view.id,
                        description.host,
                        description.port,
                        description.bus_port,
                        description.weight,
                        description.rack,
                        description.datacenter,
                        MemberState::kJoining};
  }
  return nodes;
}

}  // namespace starling::cluster
