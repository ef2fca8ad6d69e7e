// Commands that combine several sets: their intersection, union and difference.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server {

void sinter(CommandContext& context);
void sintercard(CommandContext& context);
void sinterstore(CommandContext& context);
void sunion(CommandContext& context);
void sunionstore(CommandContext& context);
void sdiff(CommandContext& context);
void sdiffstore(CommandContext& context);

// The keys of SINTERCARD: as many as argument 1 says, from argument 2 on.
bool find_counted_keys(Arguments arguments, std::vector<int>* positions);

}  // namespace starling::server
