// QUORUM: how many replicas a connection's reads and writes involve. QUORUM EXEC is taken apart by the
// dispatcher, which runs the command behind "--" in its place.
#include <algorithm>
#include <array>

#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/quorum_options.h"
#include "server/command_table.h"
#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {
namespace {

ClusterThread* cluster_of(CommandContext& context) {
  ClusterThread* cluster = context.client.io_thread().cluster();
  if (cluster == nullptr) context.reply.error("ERR QUORUM needs a cluster: set 'cluster-enabled yes'");
  return cluster;
}

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

// Where the command of QUORUM EXEC begins; arguments.size() when there is none.
size_t inner_command(Arguments arguments) {
  size_t separator = 2;
  while (separator < arguments.size() && arguments[separator] != "--") ++separator;
  return std::min(separator + 1, arguments.size());
}

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

const CommandSpec* find_spec(std::span<const CommandSpec> specs, std::string_view name) {
  const auto found = std::find_if(specs.begin(), specs.end(), [name](const CommandSpec& spec) {
    return equals_ignoring_case(spec.name, name);
  });
  return found == specs.end() ? nullptr : &*found;
}

// The keys of the command that QUORUM EXEC runs, for COMMAND GETKEYS and for clients that route by them.
bool inner_keys(Arguments arguments, std::vector<int>* positions) {
  const size_t inner = inner_command(arguments);
  if (inner >= arguments.size()) return false;
  const Arguments command = arguments.subspan(inner);
  const CommandSpec* spec = nullptr;
  for (const auto& family : all_families()) {
    if (spec = find_spec(family, command[0]); spec != nullptr) break;
  }
  if (spec != nullptr && !spec->subcommands.empty() && command.size() > 1) {
    spec = find_spec(spec->subcommands, command[1]);
  }
  if (spec == nullptr || equals_ignoring_case(command[0], "quorum") ||
      !find_keys(*spec, command, positions)) {
    return false;
  }
  for (int& position : *positions) position += static_cast<int>(inner);
  return true;
}

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

void explain(CommandContext& context) {
  ClusterThread* cluster = cluster_of(context);
  if (cluster == nullptr) return;
  const auto& placement = cluster->placement();
  if (placement == nullptr) return context.reply.error("CLUSTERDOWN The cluster has not formed yet");
  const uint16_t partition = engine::partition_of(context.argument(2));
  const auto replicas = placement->replicas(partition);
  const std::vector<cluster::MemberView> members = context.server.cluster()->members();
  context.reply.map(3);
  context.reply.bulk("partition");
  context.reply.integer(partition);
  context.reply.bulk("epoch");
  context.reply.integer(static_cast<int64_t>(placement->topology.epoch));
  context.reply.bulk("replicas");
  context.reply.array(replicas.size());
  for (const cluster::NodeIndex index : replicas) {
    const cluster::Member& member = placement->topology.members[index];
    std::string_view phase = "up";
    for (const cluster::MemberView& view : members) {
      if (view.id == member.id) phase = phase_name(view.phase);
    }
    context.reply.map(6);
    context.reply.bulk("node");
    context.reply.bulk(member.id.to_string());
    context.reply.bulk("address");
    context.reply.bulk(member.host + ":" + std::to_string(member.port));
    context.reply.bulk("rack");
    context.reply.bulk(member.rack);
    context.reply.bulk("datacenter");
    context.reply.bulk(member.datacenter);
    context.reply.bulk("state");
    context.reply.bulk(phase);
    context.reply.bulk("hints");
    context.reply.integer(static_cast<int64_t>(context.server.cluster()->hints_waiting(member.id)));
  }
}

CommandSpec plain(std::string_view name, int arity, Handler handler, std::string_view summary) {
  return {.name = name,
          .arity = arity,
          .flags = kFast | kNoScript,
          .categories = kCatConnection | kCatFast,
          .handler = handler,
          .group = "cluster",
          .since = "starling",
          .summary = summary};
}

std::span<const CommandSpec> quorum_subcommands() {
  static const std::array subcommands = {
      plain("get", 2, get, "The quorums in force for this connection."),
      plain("set", -3, set, "Sets the quorums of this connection: R, W, SLOPPY or STRICT, TIMEOUT."),
      plain("reset", 2, reset, "Goes back to the quorums of the settings."),
      [] {
        CommandSpec spec = plain("exec", -4, exec, "Runs one command with quorums of its own.");
        spec.flags |= kMovableKeys;
        spec.find_keys = inner_keys;
        return spec;
      }(),
      [] {
        CommandSpec spec = plain("explain", 3, explain, "Which nodes hold a key, and how they are.");
        spec.keys = {2, 2, 1};
        spec.key_use = kKeyRO | kKeyNotKey;
        return spec;
      }(),
  };
  return subcommands;
}

}  // namespace

std::span<const CommandSpec> quorum_commands() {
  static const std::array commands = {
      CommandSpec{.name = "quorum",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "cluster",
                  .since = "starling",
                  .summary = "How many replicas reads and writes involve.",
                  .subcommands = quorum_subcommands()},
  };
  return commands;
}

}  // namespace starling::server
