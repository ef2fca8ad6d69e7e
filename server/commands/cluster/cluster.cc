// CLUSTER: what cluster-aware clients and operators ask. Every node takes every command, so nobody is ever
// sent elsewhere; the answers tell clients which node needs no extra hop.
#include <charconv>

#include "engine/base/key.h"
#include "engine/record/hybrid_clock.h"
#include "engine/replica/replication.h"
#include "server/clock_keeper.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/slot_map.h"
#include "server/commands/arguments.h"
#include "server/commands/cluster/handlers.h"
#include "server/commands/help.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server::cluster_command {
ClusterNode* cluster_of(CommandContext& context) {
  ClusterNode* cluster = context.server.cluster();
  if (cluster == nullptr) context.reply.error("ERR This instance has cluster support disabled");
  return cluster;
}

namespace {

// Null, and the error replied, before the cluster has formed.
std::shared_ptr<const cluster::Placement> placement_of(CommandContext& context) {
  ClusterNode* cluster = cluster_of(context);
  if (cluster == nullptr) return nullptr;
  auto placement = cluster->placement();
  if (placement == nullptr)
    context.reply.error("CLUSTERDOWN The cluster has not formed yet: " + cluster->waiting_for());
  return placement;
}

}  // namespace

void info(CommandContext& context) {
  ClusterNode* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  context.reply.verbatim("txt", cluster_info(*cluster, *context.client.io_thread().cluster()));
}

void nodes(CommandContext& context) {
  ClusterNode* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  context.reply.verbatim("txt", cluster_nodes(*cluster, context.client.by_tls()));
}

namespace {

EndpointType endpoint_type(const CommandContext& context) {
  return static_cast<EndpointType>(context.server.settings().cluster_endpoint_type.get());
}

// What a client is to connect to. Null: where it is connected already.
void reply_endpoint(resp::ReplyWriter& reply, EndpointType type, const cluster::NodeDescription& node) {
  if (type == EndpointType::kUnknown) return reply.null();
  if (type == EndpointType::kIp) return reply.bulk(node.host);
  reply.bulk(node.hostname.empty() ? "?" : node.hostname);
}

// With what else it could connect to.
void reply_node(CommandContext& context, const cluster::NodeId& id, const cluster::NodeDescription& node) {
  resp::ReplyWriter& reply = context.reply;
  const EndpointType type = endpoint_type(context);
  reply.array(4);
  reply_endpoint(reply, type, node);
  reply.integer(client_port(node, context.client.by_tls()));
  reply.bulk(id.to_string());
  const bool address = type != EndpointType::kIp;
  const bool name = type != EndpointType::kHostname && !node.hostname.empty();
  reply.map((address ? 1 : 0) + (name ? 1 : 0));
  if (address) {
    reply.bulk("ip");
    reply.bulk(node.host);
  }
  if (name) {
    reply.bulk("hostname");
    reply.bulk(node.hostname);
  }
}

std::vector<SlotRange> ranges_of(CommandContext& context, const cluster::Placement& placement) {
  const ClusterNode& cluster = *context.server.cluster();
  return slot_ranges(placement, [&](cluster::NodeIndex node) { return cluster.coordinates(node); });
}

}  // namespace

// One node for each range, without replicas: the others answer for it just as well, but to name them as
// replicas of some slots and masters of others confuses clients.
void slots(CommandContext& context) {
  const auto placement = placement_of(context);
  if (placement == nullptr) return;
  const std::vector<SlotRange> ranges = ranges_of(context, *placement);
  const std::vector<cluster::NodeDescription> present =
      present_members(*context.server.cluster(), *placement);
  context.reply.array(ranges.size());
  for (const SlotRange& range : ranges) {
    context.reply.array(3);
    context.reply.integer(range.first);
    context.reply.integer(range.last);
    reply_node(context, placement->id_of(range.coordinator), present[range.coordinator]);
  }
}

void shards(CommandContext& context) {
  const auto placement = placement_of(context);
  if (placement == nullptr) return;
  const std::vector<SlotRange> all_ranges = ranges_of(context, *placement);
  const std::vector<cluster::NodeDescription> present =
      present_members(*context.server.cluster(), *placement);
  context.reply.array(placement->nodes().size());
  for (const cluster::NodeIndex node : placement->nodes()) {
    std::vector<SlotRange> ranges = all_ranges;
    std::erase_if(ranges, [node](const SlotRange& range) { return range.coordinator != node; });
    context.reply.map(2);
    context.reply.bulk("slots");
    context.reply.array(2 * ranges.size());
    for (const SlotRange& range : ranges) {
      context.reply.integer(range.first);
      context.reply.integer(range.last);
    }
    context.reply.bulk("nodes");
    context.reply.array(1);
    const cluster::NodeDescription& description = present[node];
    const bool without_tls = description.port != description.tls_port;
    const bool with_tls = description.tls_port != 0;
    context.reply.map(6 + (without_tls ? 1 : 0) + (with_tls ? 1 : 0) +
                      (description.hostname.empty() ? 0 : 1));
    context.reply.bulk("id");
    context.reply.bulk(placement->id_of(node).to_string());
    if (without_tls) {
      context.reply.bulk("port");
      context.reply.integer(description.port);
    }
    if (with_tls) {
      context.reply.bulk("tls-port");
      context.reply.integer(description.tls_port);
    }
    context.reply.bulk("ip");
    context.reply.bulk(description.host);
    context.reply.bulk("endpoint");
    reply_endpoint(context.reply, endpoint_type(context), description);
    if (!description.hostname.empty()) {
      context.reply.bulk("hostname");
      context.reply.bulk(description.hostname);
    }
    context.reply.bulk("role");
    context.reply.bulk("master");
    context.reply.bulk("replication-offset");
    context.reply.integer(0);
    context.reply.bulk("health");
    context.reply.bulk(context.server.cluster()->healthy(node) ? "online" : "fail");
  }
}

void keyslot(CommandContext& context) {
  if (cluster_of(context) == nullptr) return;
  context.reply.integer(engine::partition_of(context.argument(2)));
}

void myid(CommandContext& context) {
  if (ClusterNode* cluster = cluster_of(context); cluster != nullptr)
    context.reply.bulk(cluster->id().to_string());
}

namespace {

// What is about other keys than those that a transaction or a script has locked locks them itself, and would wait for
// itself within one.
bool runs_alone(CommandContext& context) {
  if (context.in_exec) context.reply.error("ERR not allowed in transactions and scripts");
  return !context.in_exec;
}

bool slot_argument(CommandContext& context, int64_t* slot) {
  return integer_argument_between(context, 2, 0, engine::kPartitionCount - 1, slot, "ERR Invalid slot");
}

}  // namespace

void count_keys_in_slot(CommandContext& context) {
  int64_t slot;
  if (cluster_of(context) == nullptr || !runs_alone(context) || !slot_argument(context, &slot)) return;
  context.reply.integer(static_cast<int64_t>(
      context.server.engine().count_in_partition(context.database.index(), static_cast<uint16_t>(slot))));
}

void get_keys_in_slot(CommandContext& context) {
  int64_t slot, count;
  if (cluster_of(context) == nullptr || !runs_alone(context) || !slot_argument(context, &slot)) return;
  if (!integer_argument_between(context, 3, 0, INT32_MAX, &count, "ERR Invalid number of keys")) return;
  context.offload([&engine = context.server.engine(), database = context.database.index(), slot, count,
                   now_ms = context.now_ms()]() -> CommandContext::Completion {
    std::vector<std::string> names =
        keys_in_partition(engine, database, static_cast<uint16_t>(slot), static_cast<size_t>(count), now_ms);
    return [names = std::move(names)](resp::ReplyWriter& reply) {
      reply.array(names.size());
      for (const std::string& name : names) reply.bulk(name);
    };
  });
}

void hints(CommandContext& context) {
  ClusterNode* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  const HintReport report = cluster->hint_report();
  context.reply.array(report.targets.size());
  for (const HintReport::Target& target : report.targets) {
    context.reply.map(7);
    context.reply.bulk("node");
    context.reply.bulk(target.id.to_string());
    context.reply.bulk("waiting");
    context.reply.integer(static_cast<int64_t>(target.waiting));
    context.reply.bulk("bytes");
    context.reply.integer(static_cast<int64_t>(target.bytes));
    context.reply.bulk("oldest");
    context.reply.integer(cluster->hint_age_seconds(target));
    context.reply.bulk("state");
    context.reply.bulk(cluster->delivers_hints_to(target.id) ? "delivering" : "paused");
    context.reply.bulk("delivered");
    context.reply.integer(static_cast<int64_t>(target.delivered));
    context.reply.bulk("delivered-bytes");
    context.reply.integer(static_cast<int64_t>(target.delivered_bytes));
  }
}

namespace {

// On a disk thread. What takes long is looking at all records, as only few are stamped too far ahead.
engine::Status restamp_all(engine::Engine& engine, int64_t now_ms, uint64_t* restamped) {
  constexpr size_t kKeys = 1024;
  const engine::Stamp latest = engine::stamp_at(now_ms + engine::kDefaultMaxDriftMs);
  engine::Status status;
  for (uint32_t partition = 0; partition < engine::kPartitionCount && status.ok(); ++partition) {
    uint64_t cursor = 0;
    do {
      const uint64_t before = *restamped;
      status = engine::restamp(engine, static_cast<uint16_t>(partition), &cursor, kKeys, latest, now_ms,
                               restamped);
      if (status.ok() && *restamped != before) status = engine.commit();
    } while (cursor != 0 && status.ok());
  }
  return status;
}

}  // namespace

void restamp(CommandContext& context) {
  if (placement_of(context) == nullptr || !runs_alone(context)) return;
  ClusterNode& cluster = *context.server.cluster();
  const ClockReport clocks = cluster.clocks();
  if (!clocks.confirmed || !clocks.within_bound || clocks.stamps_ahead) {
    return context.reply.error(clocks.stamps_ahead
                                   ? "ERR This node's own stamps are too far ahead: restart it first"
                                   : "ERR This node's clock is too far off: set it right first");
  }
  context.offload_change([&engine = context.server.engine(), &cluster, now_ms = context.now_ms()](
                             engine::LogPosition* position) -> CommandContext::Completion {
    uint64_t restamped = 0;
    const engine::Status status = restamp_all(engine, now_ms, &restamped);
    // Brings them to the other replicas, which had refused them.
    if (restamped != 0) (void)cluster.start_repair();
    *position = engine.last_position();
    return [status, restamped](resp::ReplyWriter& reply) {
      if (!status.ok()) return reply.error("ERR " + status.message());
      reply.integer(static_cast<int64_t>(restamped));
    };
  });
}

void repair(CommandContext& context) {
  if (placement_of(context) == nullptr) return;
  if (!context.server.cluster()->start_repair())
    return context.reply.error("ERR There is nothing to compare with 'storage memory'");
  context.reply.ok();
}

// For what a client of Redis Cluster says, and needs not say here.
void accept(CommandContext& context) {
  if (cluster_of(context) != nullptr) context.reply.ok();
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ABORT",
      "    Takes a change of the ring back, as long as the next ring is not read yet.",
      "COUNT-FAILURE-REPORTS <node-id>",
      "    How many nodes hear nothing of a node.",
      "COUNTKEYSINSLOT <slot>",
      "    How many keys of a slot this node holds.",
      "DRAIN [<node-id>]",
      "    Brings what a node holds to others; then it is no member any more and stops.",
      "FORGET <node-id>",
      "    Refused: who is a member is agreed on by all nodes.",
      "GETKEYSINSLOT <slot> <count>",
      "    Names of keys of a slot that this node holds.",
      "HINTS",
      "    For each node with writes waiting here until it is back: how many, and how their delivery goes.",
      "INFO",
      "    The state of the cluster, as name:value lines.",
      "KEYSLOT <key>",
      "    The slot of a key.",
      "LINKS",
      "    The connections to and from other nodes.",
      "MEET <ip> <port> [<bus-port>]",
      "    Looks for a node at an address, in addition to the seeds.",
      "MYID",
      "    The id of this node.",
      "NODES",
      "    Every node, with its state and the slots that it coordinates.",
      "PLAN <DRAIN [<node-id>] | WEIGHT <node-id> <weight>>",
      "    What a change of the ring would move.",
      "REBALANCE",
      "    How far a change of the ring is.",
      "REPAIR",
      "    Compares this node's records with all other replicas now.",
      "REPLICAS <node-id>",
      "    Empty: slots have replicas, nodes have none.",
      "RESTAMP",
      "    Gives records that were stamped by a clock far ahead new stamps, so that other nodes take them.",
      "SHARDS",
      "    Which node coordinates which slots, by node.",
      "SLOTS",
      "    Which node coordinates which slots, by slot.",
      "WEIGHT <node-id> <weight>",
      "    Changes a node's share of the partitions.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

}  // namespace starling::server::cluster_command
