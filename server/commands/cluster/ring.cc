// CLUSTER DRAIN, WEIGHT, PLAN, ABORT and REBALANCE: changes of the ring, by an operator. What joins asks by itself
// ('cluster-join').
#include <algorithm>
#include <charconv>

#include "cluster/topology/transition.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/slot_map.h"
#include "server/commands/arguments.h"
#include "server/commands/cluster/handlers.h"
#include "server/server.h"

namespace starling::server::cluster_command {
namespace {

// Null, and the error replied, where there is none yet.
std::shared_ptr<const cluster::Placement> formed_placement(CommandContext& context) {
  ClusterNode* cluster = context.server.cluster();
  if (cluster == nullptr) {
    context.reply.error("ERR This instance has cluster support disabled");
    return nullptr;
  }
  auto placement = cluster->placement();
  if (placement == nullptr)
    context.reply.error("CLUSTERDOWN The cluster has not formed yet: " + cluster->waiting_for());
  return placement;
}

bool node_argument(CommandContext& context, size_t position, cluster::NodeId* id) {
  const std::optional<cluster::NodeId> parsed = cluster::NodeId::parse(context.argument(position));
  if (!parsed) {
    context.reply.error("ERR '" + std::string(context.argument(position)) + "' is not the id of a node");
    return false;
  }
  *id = *parsed;
  return true;
}

// DRAIN [id] or WEIGHT id weight, from an argument on.
bool change_argument(CommandContext& context, size_t position, cluster::RingChange* change) {
  const size_t count = context.size();
  const std::string_view what = context.argument(position);
  cluster::NodeId id = context.server.cluster()->id();
  if (is_word(what, "drain") && count <= position + 2) {
    if (count == position + 2 && !node_argument(context, position + 1, &id)) return false;
    change->leaves.push_back(id);
    return true;
  }
  int64_t weight;
  if (!is_word(what, "weight") || count != position + 3) {
    context.reply.error("ERR syntax error");
    return false;
  }
  if (!node_argument(context, position + 1, &id) ||
      !integer_argument_between(context, position + 2, 1, cluster::kMaxWeight, &weight,
                                "ERR a weight is 1 to 10000"))
    return false;
  change->weights.emplace_back(id, static_cast<uint32_t>(weight));
  return true;
}

// Planning takes milliseconds: not on the loop.
void begin(CommandContext& context, cluster::RingChange change) {
  const auto placement = formed_placement(context);
  if (placement == nullptr) return;
  context.offload([cluster = context.server.cluster(), placement,
                   change = std::move(change)]() -> CommandContext::Completion {
    cluster::Topology next;
    const engine::Status status = cluster::begin_transition(placement->topology, change, &next);
    if (status.ok()) cluster->change_ring(change);
    return [status](resp::ReplyWriter& reply) {
      if (!status.ok()) return reply.error("ERR " + status.message());
      reply.ok();
    };
  });
}

std::string_view state_name(cluster::MemberState state) {
  switch (state) {
    case cluster::MemberState::kJoining:
      return "joining";
    case cluster::MemberState::kLeaving:
      return "leaving";
    default:
      return "active";
  }
}

void write_load(resp::ReplyWriter& reply, const cluster::Topology& topology) {
  const cluster::Load load = cluster::load_of(topology);
  reply.bulk("moved");
  reply.integer(load.moved);
  reply.bulk("nodes");
  reply.array(topology.members.size());
  for (size_t place = 0; place < topology.members.size(); ++place) {
    const cluster::Member& member = topology.members[place];
    reply.map(5);
    reply.bulk("node");
    reply.bulk(member.id.to_string());
    reply.bulk("state");
    reply.bulk(state_name(member.state));
    reply.bulk("weight");
    reply.integer(member.weight);
    reply.bulk("partitions");
    reply.integer(load.before[place]);
    reply.bulk("partitions-after");
    reply.integer(load.after[place]);
  }
}

}  // namespace

void drain(CommandContext& context) {
  if (formed_placement(context) == nullptr) return;
  cluster::RingChange change;
  if (change_argument(context, 1, &change)) begin(context, std::move(change));
}

void weigh(CommandContext& context) {
  if (formed_placement(context) == nullptr) return;
  cluster::RingChange change;
  if (change_argument(context, 1, &change)) begin(context, std::move(change));
}

void plan_ring(CommandContext& context) {
  const auto placement = formed_placement(context);
  cluster::RingChange change;
  if (placement == nullptr || !change_argument(context, 2, &change)) return;
  context.offload([placement, change = std::move(change)]() -> CommandContext::Completion {
    auto next = std::make_shared<cluster::Topology>();
    const engine::Status status = cluster::begin_transition(placement->topology, change, next.get());
    return [status, next](resp::ReplyWriter& reply) {
      if (!status.ok()) return reply.error("ERR " + status.message());
      reply.map(2);
      write_load(reply, *next);
    };
  });
}

void abort_ring(CommandContext& context) {
  const auto placement = formed_placement(context);
  if (placement == nullptr) return;
  if (placement->topology.transition.phase != cluster::TransitionPhase::kCopying)
    return context.reply.error("ERR there is no change of the ring that could be taken back");
  context.server.cluster()->abort_ring_change();
  context.reply.ok();
}

void rebalance(CommandContext& context) {
  const auto placement = formed_placement(context);
  if (placement == nullptr) return;
  context.offload([cluster = context.server.cluster(), placement]() -> CommandContext::Completion {
    return [ring = cluster->ring_report(), placement](resp::ReplyWriter& reply) {
      reply.map(7);
      reply.bulk("phase");
      reply.bulk(ring_phase_name(placement->topology.transition.phase));
      reply.bulk("epoch");
      reply.integer(static_cast<int64_t>(placement->topology.epoch));
      reply.bulk("compared");
      reply.integer(static_cast<int64_t>(ring.compared));
      reply.bulk("to-compare");
      reply.integer(static_cast<int64_t>(ring.total));
      reply.bulk("waiting-for");
      reply.bulk(ring.waiting_for);
      write_load(reply, placement->topology);
    };
  });
}

}  // namespace starling::server::cluster_command
