// The handlers of the commands on hashes, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::hashes {

// hashes.cc
void hset(CommandContext& context);
void hmset(CommandContext& context);
void hsetnx(CommandContext& context);
void hget(CommandContext& context);
void hmget(CommandContext& context);
void hstrlen(CommandContext& context);
void hgetall(CommandContext& context);
void hkeys(CommandContext& context);
void hvals(CommandContext& context);
void hrandfield(CommandContext& context);
void hdel(CommandContext& context);
void hexists(CommandContext& context);
void hlen(CommandContext& context);
void hscan(CommandContext& context);

// hash_numbers.cc
void hincrby(CommandContext& context);
void hincrbyfloat(CommandContext& context);

}  // namespace starling::server::hashes
