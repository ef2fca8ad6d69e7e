// The cluster in the words of Redis Cluster: slots, nodes and states, as CLUSTER's answers need them. The
// same on every node that serves by the same topology.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cluster/membership/gossip_messages.h"
#include "cluster/topology/placement.h"
#include "engine/core/engine.h"
#include "server/cluster/hint_keeper.h"

namespace starling::server {

class ClusterNode;
class ClusterThread;

struct SlotRange {
  uint16_t first, last;
  cluster::NodeIndex coordinator;  // The first of its replicas that is healthy; if none is, the first.
};

// Ascending. Runs of slots with the same coordinator: while all nodes are healthy, the same on all of them.
// Clients send to it what they have for the slot; while a node is down its slots are shown with those who
// serve them.
std::vector<SlotRange> slot_ranges(const cluster::Placement& placement,
                                   const std::function<bool(cluster::NodeIndex)>& healthy);

// What clients are told to connect to ('cluster-preferred-endpoint-type').
enum class EndpointType : uint8_t { kIp = 0, kHostname = 1, kUnknown = 2 };

// By NodeIndex, each member as it describes itself now, under whatever address; one that has not been heard of
// since this node started has the address known last.
std::vector<cluster::NodeDescription> present_members(const ClusterNode& cluster,
                                                      const cluster::Placement& placement);

// "none", "copying" or "switched".
std::string_view ring_phase_name(cluster::TransitionPhase phase);

// The port that a client is told, which uses TLS or does not. A node that has none of its kind: the one that it has.
uint16_t client_port(const cluster::NodeDescription& node, bool by_tls);

// CLUSTER INFO, CLUSTER NODES. The state is "ok", and a slot is, if it can be read and written from here by
// the quorums of the settings. `thread`: the loop's that asks.
std::string cluster_info(const ClusterNode& cluster, const ClusterThread& thread);
std::string cluster_nodes(const ClusterNode& cluster, bool by_tls);

// For INFO: what waits for a node, and how its delivery goes.
std::string hint_progress(const ClusterNode& cluster, const HintReport::Target& target);

// Up to `count` names of live keys. Blocks on the disk: pool thread.
std::vector<std::string> keys_in_partition(engine::Engine& engine, int database, uint16_t partition,
                                           size_t count, int64_t now_ms);

}  // namespace starling::server
