// Commands over all keys that are asked of several nodes, each for a part.
#pragma once

#include <memory>

#include "server/cluster/partition_scope.h"
#include "server/execute/command.h"

namespace starling::server {

// The partitions that the command is about; null: all that are here. False: an error was replied.
[[nodiscard]] bool scope_of(CommandContext& context, std::shared_ptr<const PartitionSet>* partitions);

}  // namespace starling::server
