
#include <algorithm>
#include <string>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/commands/arguments.h"
#include "server/commands/cluster/handlers.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server::cluster_command {
namespace {

constexpr int64_t kBusOffset = 10000;
constexpr int64_t kLargestPort = 65535;

// The member that argument 2 names. False: an error was replied.
bool member_argument(CommandContext& context, cluster::MemberView* member) {
  const ClusterNode* cluster = cluster_of(context);
  if (cluster == nullptr) return false;
  const std::vector<cluster::MemberView> members = cluster->members();
  const auto found = std::find_if(members.begin(), members.end(), [&](const cluster::MemberView& candidate) {
    return candidate.counts && equals_ignoring_case(candidate.id.to_string(), context.argument(2));
  });
  if (found == members.end()) {
    context.reply.error("ERR Unknown node " + std::string(context.argument(2)));
    return false;
  }
  *member = *found;
  return true;
}

}  // namespace

// The links of the loop that this client is at.
void links(CommandContext& context) {
  if (cluster_of(context) == nullptr) return;
  const std::vector<BusLinkReport> links = context.client.io_thread().cluster()->links().links();
  context.reply.array(links.size());
  for (const BusLinkReport& link : links) {
    context.reply.map(6);
    context.reply.bulk("direction");
    context.reply.bulk(link.outgoing ? "to" : "from");
    context.reply.bulk("node");
    context.reply.bulk(link.peer.to_string());
    context.reply.bulk("create-time");
    context.reply.integer(context.now_ms() - link.up_for_ms);
    context.reply.bulk("events");
    context.reply.bulk(link.queued_bytes != 0 ? "rw" : "r");
    context.reply.bulk("send-buffer-allocated");
    context.reply.integer(static_cast<int64_t>(link.queued_bytes));
    context.reply.bulk("send-buffer-used");
    context.reply.integer(static_cast<int64_t>(link.queued_bytes));
  }
}

// Nobody replicates a node as such: each slot has replicas of its own.
void replicas(CommandContext& context) {
  cluster::MemberView member;
  if (member_argument(context, &member)) context.reply.array(0);
}

void meet(CommandContext& context) {
  ClusterNode* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  int64_t port = 0, bus_port = 0;
  const bool valid = context.size() <= 5 && resp::parse_integer(context.argument(3), &port) && port >= 1 &&
                     port <= kLargestPort;
  bus_port = port + kBusOffset;
  const bool valid_bus = valid &&
                         (context.size() == 4 || resp::parse_integer(context.argument(4), &bus_port)) &&
                         bus_port >= 1 && bus_port <= kLargestPort;
  if (!valid_bus || context.argument(2).empty()) {
    return context.reply.error("ERR Invalid node address specified: " + std::string(context.argument(2)) +
                               ":" + std::string(context.argument(3)));
  }
  cluster->meet({std::string(context.argument(2)), static_cast<uint16_t>(bus_port)});
  context.reply.ok();
}

void forget(CommandContext& context) {
  cluster::MemberView member;
  if (!member_argument(context, &member)) return;
  if (member.id == context.server.cluster()->id())
    return context.reply.error("ERR I tried hard but I can't forget myself...");
  context.reply.error(
      "ERR the node is a member, which all nodes have agreed on: one node alone cannot forget it");
}

void count_failure_reports(CommandContext& context) {
  cluster::MemberView member;
  if (member_argument(context, &member)) context.reply.integer(static_cast<int64_t>(member.accusers));
}

}  // namespace starling::server::cluster_command
