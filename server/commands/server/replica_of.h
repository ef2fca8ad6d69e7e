// REPLICAOF and SLAVEOF, which are one, and ROLE: for status.cc's table. What they do: server/replica_of/.
#pragma once

#include <string_view>

#include "server/execute/command_spec.h"

namespace starling::server {

CommandSpec replica_of_command(std::string_view name, std::string_view since);
void role(CommandContext& context);

}  // namespace starling::server
