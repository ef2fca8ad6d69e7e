// The handlers of the commands on sets, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::sets {

// sets.cc
void sadd(CommandContext& context);
void smove(CommandContext& context);
void smismember(CommandContext& context);
void smembers(CommandContext& context);
void srandmember(CommandContext& context);
void spop(CommandContext& context);
void srem(CommandContext& context);
void sismember(CommandContext& context);
void scard(CommandContext& context);
void sscan(CommandContext& context);

// set_algebra.cc
void sinter(CommandContext& context);
void sintercard(CommandContext& context);
void sinterstore(CommandContext& context);
void sunion(CommandContext& context);
void sunionstore(CommandContext& context);
void sdiff(CommandContext& context);
void sdiffstore(CommandContext& context);

}  // namespace starling::server::sets
