// The handlers of the commands on the cluster, and what else their declarations refer to.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server {
class ClusterNode;
}

namespace starling::server::cluster_command {

// Null, and the error replied, where this server is no node of a cluster.
ClusterNode* cluster_of(CommandContext& context);

// cluster.cc
void info(CommandContext& context);
void nodes(CommandContext& context);
void slots(CommandContext& context);
void shards(CommandContext& context);
void keyslot(CommandContext& context);
void myid(CommandContext& context);
void count_keys_in_slot(CommandContext& context);
void get_keys_in_slot(CommandContext& context);
void hints(CommandContext& context);
void restamp(CommandContext& context);
void repair(CommandContext& context);
void accept(CommandContext& context);
void help(CommandContext& context);

// ring.cc
void drain(CommandContext& context);
void weigh(CommandContext& context);
void plan_ring(CommandContext& context);
void abort_ring(CommandContext& context);
void rebalance(CommandContext& context);

// cluster_members.cc
void links(CommandContext& context);
void replicas(CommandContext& context);
void meet(CommandContext& context);
void forget(CommandContext& context);
void count_failure_reports(CommandContext& context);

}  // namespace starling::server::cluster_command

namespace starling::server::quorum_command {

// quorum.cc
void get(CommandContext& context);
void set(CommandContext& context);
void reset(CommandContext& context);
void exec(CommandContext& context);
bool inner_keys(Arguments arguments, std::vector<int>* positions);
void inner_secrets(Arguments arguments, std::vector<int>* positions);
void help(CommandContext& context);
void explain(CommandContext& context);

}  // namespace starling::server::quorum_command

namespace starling::server::vclock_command {

// vclock.cc
void get(CommandContext& context);
void set(CommandContext& context);
void del(CommandContext& context);
void compare(CommandContext& context);
void inspect(CommandContext& context);
void help(CommandContext& context);

}  // namespace starling::server::vclock_command
