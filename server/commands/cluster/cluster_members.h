// The subcommands of CLUSTER about single nodes: LINKS, REPLICAS, SLAVES, MEET, FORGET,
// COUNT-FAILURE-REPORTS.
#pragma once

#include <span>

#include "server/execute/command.h"

namespace starling::server {

std::span<const CommandSpec> cluster_member_subcommands();

}  // namespace starling::server
