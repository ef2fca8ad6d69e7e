// QUORUM: how many replicas a connection's reads and writes involve. QUORUM EXEC is taken apart by the
// dispatcher, which runs the command behind "--" in its place.
#include <algorithm>

#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/context_token.h"
#include "server/cluster/quorum_options.h"
#include "server/cluster/slot_map.h"
#include "server/commands/arguments.h"
#include "server/commands/cluster/handlers.h"
#include "server/commands/cluster/quorum_verdict.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/execute/command_table.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server::quorum_command {
namespace {

// As many as a node keeps.
constexpr size_t kMaxActors = 65536;

ClusterThread* cluster_of(CommandContext& context) {
  ClusterThread* cluster = context.client.io_thread().cluster();
  if (cluster == nullptr) context.reply.error("ERR QUORUM needs a cluster: set 'cluster-enabled yes'");
  return cluster;
}

}  // namespace

void get(CommandContext& context) {
  ClusterThread* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  const cluster::QuorumOptions& options = cluster->quorum_of(context.client);
  const auto& placement = cluster->placement();
  context.reply.map(5);
  context.reply.bulk("n");
  context.reply.integer(placement != nullptr ? static_cast<int64_t>(placement->topology.replicas)
                                             : context.server.settings().replicas);
  context.reply.bulk("r");
  context.reply.bulk(options.read.to_string());
  context.reply.bulk("w");
  context.reply.bulk(options.write.to_string());
  context.reply.bulk("mode");
  context.reply.bulk(options.mode == cluster::QuorumMode::kStrict ? "strict" : "sloppy");
  context.reply.bulk("timeout");
  context.reply.integer(options.timeout_ms);
}

void set(CommandContext& context) {
  ClusterThread* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  cluster::QuorumOptions options = cluster->quorum_of(context.client);
  const std::string error = read_quorum_options(context.arguments.subspan(2), &options);
  if (!error.empty()) return context.reply.error(error);
  context.client.quorum = options;
  context.reply.ok();
}

void reset(CommandContext& context) {
  if (cluster_of(context) == nullptr) return;
  context.client.quorum.reset();
  context.reply.ok();
}

namespace {

// Where the command of QUORUM EXEC begins; arguments.size() when there is none.
size_t inner_command(Arguments arguments) {
  size_t separator = 2;
  while (separator < arguments.size() && arguments[separator] != "--") ++separator;
  return std::min(separator + 1, arguments.size());
}

}  // namespace

void exec(CommandContext& context) {
  // What makes sense was taken apart before it came here.
  if (cluster_of(context) == nullptr) return;
  const size_t inner = inner_command(context.arguments);
  if (inner < context.size()) {
    cluster::QuorumOptions options;
    const std::string error = read_quorum_options(context.arguments.subspan(2, inner - 3), &options);
    if (!error.empty()) return context.reply.error(error);
  }
  context.reply.error(
      "ERR QUORUM EXEC takes options, then --, then a command that is no QUORUM EXEC itself, and not inside "
      "MULTI");
}

namespace {

const CommandSpec* find_spec(std::span<const CommandSpec> specs, std::string_view name) {
  const auto found = std::find_if(specs.begin(), specs.end(), [name](const CommandSpec& spec) {
    return equals_ignoring_case(spec.name, name);
  });
  return found == specs.end() ? nullptr : &*found;
}

const CommandSpec* find_inner(Arguments command) {
  const CommandSpec* spec = nullptr;
  for (const auto& family : all_families()) {
    if (spec = find_spec(family, command[0]); spec != nullptr) break;
  }
  if (spec != nullptr && !spec->subcommands.empty() && command.size() > 1)
    spec = find_spec(spec->subcommands, command[1]);
  return spec;
}

}  // namespace

// The keys of the command that QUORUM EXEC runs, for COMMAND GETKEYS and for clients that route by them.
bool inner_keys(Arguments arguments, std::vector<int>* positions) {
  const size_t inner = inner_command(arguments);
  if (inner >= arguments.size()) return false;
  const Arguments command = arguments.subspan(inner);
  const CommandSpec* spec = find_inner(command);
  if (spec == nullptr || equals_ignoring_case(command[0], "quorum") ||
      (!spec->keys.empty() && !spec->keys.are_keys()) || !find_keys(*spec, command, positions)) {
    return false;
  }
  for (int& position : *positions) position += static_cast<int>(inner);
  return true;
}

// Those of the command that QUORUM EXEC runs, also if the -- before it was forgotten.
void inner_secrets(Arguments arguments, std::vector<int>* positions) {
  const bool separated = inner_command(arguments) < arguments.size();
  for (size_t inner = separated ? inner_command(arguments) : 2; inner < arguments.size(); ++inner) {
    const Arguments command = arguments.subspan(inner);
    const CommandSpec* spec = find_inner(command);
    if (spec != nullptr && spec->find_secrets != nullptr && !equals_ignoring_case(command[0], "quorum")) {
      spec->find_secrets(command, positions);
      for (int& position : *positions) position += static_cast<int>(inner);
      return;
    }
    if (separated) return;
  }
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "QUORUM <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "EXEC [R <level>] [W <level>] [SLOPPY|STRICT] [TIMEOUT <ms>] -- <command> [<arg> ...]",
      "    Runs one command with quorums of its own.",
      "EXPLAIN <key>",
      "    Which nodes hold a key, how they are, and whether the quorums in force can be had.",
      "GET",
      "    The quorums in force for this connection.",
      "RESET",
      "    Goes back to the quorums of the settings.",
      "SET [R <level>] [W <level>] [SLOPPY|STRICT] [TIMEOUT <ms>]",
      "    Sets this connection's. A level is ONE, QUORUM, ALL, LOCAL_QUORUM, EACH_QUORUM or a number.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

namespace {

std::string_view phase_name(cluster::Phase phase) {
  switch (phase) {
    case cluster::Phase::kAlive:
      return "up";
    case cluster::Phase::kSuspect:
      return "suspect";
    case cluster::Phase::kDown:
      break;
  }
  return "down";
}

// A causal context as VCLOCK INSPECT shows it; null: not known.
void write_version(resp::ReplyWriter& reply, const std::string* encoded) {
  engine::VersionVector version;
  std::string_view token;
  if (encoded != nullptr) token = *encoded;
  // How far the partition is settled says nothing of the version.
  (void)engine::take_settled(&token);
  if (encoded == nullptr || (!token.empty() && !engine::decode_context(token, kMaxActors, &version).ok())) {
    return reply.null();
  }
  reply.array(version.size());
  for (const engine::VersionVector::Entry& entry : version.entries()) {
    reply.array(2);
    reply.bulk(actor_name(entry.actor));
    reply.integer(static_cast<int64_t>(entry.stamp));
  }
}

// What is asked about: a key's partition, by the quorums of whoever asks.
struct Question {
  const ClusterNode& node;
  std::shared_ptr<const cluster::Placement> placement;
  uint16_t partition;
  cluster::QuorumOptions options;
};

std::string_view phase_of(const std::vector<cluster::MemberView>& members, const cluster::NodeId& id) {
  for (const cluster::MemberView& view : members) {
    if (view.id == id) return phase_name(view.phase);
  }
  return "up";
}

QuorumOutlook outlook_of(const cluster::Placement& placement, uint16_t partition, cluster::NodeIndex runner,
                         absl::FunctionRef<bool(cluster::NodeIndex)> up) {
  const auto state_of = [&](cluster::NodeIndex index) {
    return ReplicaState{placement.datacenters[index], up(index)};
  };
  QuorumOutlook outlook;
  outlook.own = placement.datacenters[runner == cluster::kNoNode ? placement.self : runner];
  for (const cluster::NodeIndex index : placement.replicas(partition))
    outlook.reads.push_back(state_of(index));
  const cluster::Writers writers = placement.writers(partition);
  for (const uint64_t set : writers.sets) {
    std::vector<ReplicaState>& states = outlook.writes.emplace_back();
    for (size_t i = 0; i < writers.nodes.size(); ++i) {
      if ((set >> i & 1) != 0) states.push_back(state_of(writers.nodes[i]));
    }
  }
  for (const cluster::NodeIndex index : placement.nodes())
    outlook.stand_ins += !placement.stores(partition, index) && up(index) ? 1 : 0;
  return outlook;
}

void write_quorums(resp::ReplyWriter& reply, const Question& question,
                   const std::vector<cluster::MemberView>& members) {
  const cluster::Placement& placement = *question.placement;
  const bool strict = question.options.mode == cluster::QuorumMode::kStrict;
  const auto up = [&](cluster::NodeIndex index) { return phase_of(members, placement.id_of(index)) == "up"; };
  const auto stands_back = [&](cluster::NodeIndex index) { return question.node.stands_back(index); };
  const cluster::NodeIndex runner = placement.runner(question.partition, strict, up, stands_back);
  reply.bulk("r");
  reply.bulk(question.options.read.to_string());
  reply.bulk("w");
  reply.bulk(question.options.write.to_string());
  reply.bulk("mode");
  reply.bulk(strict ? "strict" : "sloppy");
  reply.bulk("coordinator");
  if (runner == cluster::kNoNode) {
    reply.null();
  } else {
    reply.bulk(placement.id_of(runner).to_string());
  }
  reply.bulk("verdict");
  reply.bulk(quorum_verdict(question.options, outlook_of(placement, question.partition, runner, up)));
}

void write_explanation(resp::ReplyWriter& reply, const Question& question,
                       const std::vector<cluster::PeerVersion>& versions) {
  const auto& [node, shared, partition, options] = question;
  const cluster::Placement& placement = *shared;
  const auto replicas = placement.replicas(partition);
  const std::vector<cluster::MemberView> members = node.members();
  const std::vector<cluster::NodeDescription> present = present_members(node, placement);
  reply.map(8);
  reply.bulk("partition");
  reply.integer(partition);
  reply.bulk("epoch");
  reply.integer(static_cast<int64_t>(placement.topology.epoch));
  write_quorums(reply, question, members);
  reply.bulk("replicas");
  reply.array(replicas.size());
  for (const cluster::NodeIndex index : replicas) {
    const cluster::Member& member = placement.member(index);
    const std::string_view phase = phase_of(members, member.id);
    reply.map(7);
    reply.bulk("node");
    reply.bulk(member.id.to_string());
    reply.bulk("address");
    reply.bulk(present[index].host + ":" + std::to_string(present[index].port));
    reply.bulk("rack");
    reply.bulk(member.rack);
    reply.bulk("datacenter");
    reply.bulk(member.datacenter);
    reply.bulk("state");
    reply.bulk(phase);
    reply.bulk("version");
    const auto version =
        std::find_if(versions.begin(), versions.end(),
                     [index](const cluster::PeerVersion& candidate) { return candidate.node == index; });
    write_version(reply, version == versions.end() ? nullptr : &version->context);
    reply.bulk("hints");
    reply.integer(static_cast<int64_t>(node.hints_waiting(member.id)));
  }
}

}  // namespace

void explain(CommandContext& context) {
  ClusterThread* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  const std::shared_ptr<const cluster::Placement> placement = cluster->placement();
  if (placement == nullptr) return context.reply.error("CLUSTERDOWN The cluster has not formed yet");
  const Question question{*context.server.cluster(), placement, engine::partition_of(context.argument(2)),
                          cluster->quorum_of(context.client)};
  // A transaction waits for nobody.
  if (context.in_exec) return write_explanation(context.reply, question, {});
  cluster->survey(context.client.database, context.argument(2),
                  [pending = context.suspend(), question](std::vector<cluster::PeerVersion> versions) {
                    pending.complete([question, versions = std::move(versions)](resp::ReplyWriter& reply) {
                      write_explanation(reply, question, versions);
                    });
                  });
}

}  // namespace starling::server::quorum_command
