// What the commands on the cluster are.
#include <array>
#include <vector>

#include "server/commands/cluster/handlers.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

constexpr CommandChange kClusterSlotsHistory[] = {{"4.0.0", "Ids of nodes."},
                                                  {"7.0.0", "More about how nodes are reached."}};

CommandSpec of_cluster(std::string_view usage, int arity, Handler handler, std::string_view summary,
                       const Documentation& docs = {}, std::string_view difference = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kStale,
          .categories = kCatSlow,
          .handler = handler,
          .group = "cluster",
          .since = "3.0.0",
          .summary = summary,
          .difference = difference,
          .scope = Scope::kNode,
          .docs = docs};
}

std::span<const CommandSpec> own_subcommands() {
  static const std::array subcommands = {
      of_cluster("countkeysinslot slot:integer", 3, cluster_command::count_keys_in_slot,
                 "Keys of a slot that this node holds.", {.complexity = "O(1)"}),
      of_cluster("getkeysinslot slot:integer count:integer", 4, cluster_command::get_keys_in_slot,
                 "Names of keys of a slot that this node holds.",
                 {.complexity = "O(N)", .work = Work::kElsewhere, .tips = {"nondeterministic_output"}}),
      [] {
        CommandSpec spec = of_cluster("help", 2, cluster_command::help, "Explains the subcommands.");
        spec.flags |= kLoading;
        spec.since = "5.0.0";
        return spec;
      }(),
      of_cluster("hints", 2, cluster_command::hints,
                 "For each node with writes waiting here until it is back: how many, their bytes of memory, "
                 "the age of "
                 "the oldest in seconds, and how their delivery goes.",
                 {}, "Redis has no such command"),
      of_cluster("info", 2, cluster_command::info, "The state of the cluster.",
                 {.complexity = "O(1)", .tips = {"nondeterministic_output"}}, "has fields of its own"),
      of_cluster("keyslot key:string", 3, cluster_command::keyslot, "The slot of a key.",
                 {.complexity = "O(N)", .work = Work::kOfFewThings}),
      of_cluster("myid", 2, cluster_command::myid, "The id of this node.", {.complexity = "O(1)"}),
      of_cluster("nodes", 2, cluster_command::nodes, "Every node, with its state and slots.",
                 {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output"}},
                 "every node is a master, of the slots that it coordinates now"),
      [] {
        CommandSpec spec = of_cluster("repair", 2, cluster_command::repair,
                                      "Compares this node's records with all other replicas now, and brings "
                                      "what differs both ways. CLUSTER INFO shows how far it is.",
                                      {}, "Redis has no such command");
        spec.flags |= kAdmin;
        spec.categories |= kCatAdmin | kCatDangerous;
        return spec;
      }(),
      [] {
        CommandSpec spec =
            of_cluster("restamp", 2, cluster_command::restamp,
                       "Gives this node's records that were stamped by a clock far ahead, and that "
                       "other nodes therefore refuse, new stamps. Replies with how many there were.",
                       {}, "Redis has no such command");
        spec.flags |= kAdmin;
        spec.categories |= kCatAdmin | kCatDangerous;
        return spec;
      }(),
      [] {
        CommandSpec spec = of_cluster(
            "shards", 2, cluster_command::shards, "Which node coordinates which slots.",
            {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output"}},
            "one shard for each node");
        spec.since = "7.0.0";
        return spec;
      }(),
      of_cluster(
          "slots", 2, cluster_command::slots, "Which nodes hold which slots.",
          {.complexity = "O(N)",
           .work = Work::kOfFewThings,
           .tips = {"nondeterministic_output"},
           .history = kClusterSlotsHistory,
           .deprecated = {"7.0.0", "CLUSTER SHARDS"}},
          "one node for each range, the one that coordinates it now; the others take every command as well"),
  };
  return subcommands;
}

CommandSpec about_ring(std::string_view usage, int arity, Handler handler, std::string_view summary,
                       bool changes = true) {
  CommandSpec spec = of_cluster(usage, arity, handler, summary, {}, "Redis has no such command");
  if (changes) {
    spec.flags |= kAdmin;
    spec.categories |= kCatAdmin | kCatDangerous;
  }
  return spec;
}

std::span<const CommandSpec> ring_subcommands() {
  static const std::array subcommands = {
      about_ring("abort", 2, cluster_command::abort_ring,
                 "Takes a change of the ring back, as long as the next ring is not read yet."),
      about_ring(
          "drain [node-id]", -2, cluster_command::drain,
          "Brings what a node holds, this one if none is named, to others; then it is no member any more and "
          "stops. CLUSTER REBALANCE tells how far that is."),
      about_ring("plan (change= DRAIN [node-id] | WEIGHT node-id weight:integer)", -3,
                 cluster_command::plan_ring, "What a change of the ring would move, in partitions by node.",
                 false),
      about_ring("rebalance", 2, cluster_command::rebalance,
                 "How far a change of the ring is, and how many partitions each node holds before and after.",
                 false),
      about_ring("weight node-id weight:integer", 4, cluster_command::weigh,
                 "Changes a node's share of the partitions, relative to the other nodes' weights."),
  };
  return subcommands;
}

constexpr CommandChange kClusterMeetHistory[] = {{"4.0.0", "The bus port."}};

CommandSpec about_nodes(std::string_view usage, int arity, uint32_t flags, Handler handler,
                        std::string_view since, std::string_view summary, const Documentation& docs = {},
                        std::string_view difference = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kStale | flags,
          .categories = kCatSlow | ((flags & kAdmin) != 0 ? kCatAdmin | kCatDangerous : 0u),
          .handler = handler,
          .group = "cluster",
          .since = since,
          .summary = summary,
          .difference = difference,
          .scope = Scope::kNode,
          .docs = docs};
}

std::span<const CommandSpec> member_subcommands() {
  static const std::array subcommands = {
      about_nodes("count-failure-reports node-id", 3, kAdmin, cluster_command::count_failure_reports, "3.0.0",
                  "How many nodes hear nothing of a node.",
                  {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output"}}),
      about_nodes("forget node-id", 3, kAdmin | kNoAsyncLoading, cluster_command::forget, "3.0.0",
                  "Removes a node from this node's view.", {.complexity = "O(1)"},
                  "always refused: membership is agreed on by all nodes"),
      about_nodes("links", 2, 0, cluster_command::links, "7.0.0", "The connections to and from other nodes.",
                  {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output"}},
                  "of the loop that serves the client; buffers are told by what they hold"),
      about_nodes("meet ip port:integer [cluster_bus_port:integer]@4.0.0", -4, kAdmin | kNoAsyncLoading,
                  cluster_command::meet, "3.0.0", "Names an address at which there is a node.",
                  {.complexity = "O(1)", .history = kClusterMeetHistory},
                  "adds the address to the seeds until the process ends; it does not make a node a member"),
      about_nodes("replicas node-id", 3, kAdmin, cluster_command::replicas, "5.0.0",
                  "The replicas of a node.",
                  {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output"}},
                  "always empty: slots have replicas, nodes have none"),
      about_nodes("slaves node-id", 3, kAdmin, cluster_command::replicas, "3.0.0",
                  "The replicas of a node, by the old name.",
                  {.complexity = "O(N)",
                   .work = Work::kOfFewThings,
                   .tips = {"nondeterministic_output"},
                   .deprecated = {"5.0.0", "CLUSTER REPLICAS"}},
                  "always empty: slots have replicas, nodes have none"),
  };
  return subcommands;
}

std::span<const CommandSpec> cluster_subcommands() {
  static const std::vector<CommandSpec> subcommands = [] {
    std::vector<CommandSpec> all(own_subcommands().begin(), own_subcommands().end());
    const auto members = member_subcommands();
    all.insert(all.end(), members.begin(), members.end());
    const auto ring = ring_subcommands();
    all.insert(all.end(), ring.begin(), ring.end());
    return all;
  }();
  return subcommands;
}

}  // namespace

std::span<const CommandSpec> cluster_commands() {
  static const std::array commands = {
      CommandSpec{.name = "cluster",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "cluster",
                  .since = "3.0.0",
                  .summary = "Asks about the cluster.",
                  .subcommands = cluster_subcommands()},
      CommandSpec{.name = "asking",
                  .arity = 1,
                  .flags = kFast,
                  .categories = kCatFast | kCatConnection,
                  .handler = cluster_command::accept,
                  .group = "cluster",
                  .since = "3.0.0",
                  .summary = "Accepted: no node ever sends a client on with ASK.",
                  .scope = Scope::kSession,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "readonly",
                  .arity = 1,
                  .flags = kFast | kLoading | kStale,
                  .categories = kCatFast | kCatConnection,
                  .handler = cluster_command::accept,
                  .group = "cluster",
                  .since = "3.0.0",
                  .summary = "Accepted: every node answers reads anyway.",
                  .scope = Scope::kSession},
      CommandSpec{.name = "readwrite",
                  .arity = 1,
                  .flags = kFast | kLoading | kStale,
                  .categories = kCatFast | kCatConnection,
                  .handler = cluster_command::accept,
                  .group = "cluster",
                  .since = "3.0.0",
                  .summary = "Accepted: every node takes writes anyway.",
                  .scope = Scope::kSession},
  };
  return commands;
}

}  // namespace starling::server
