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

}  // namespace starling::server
