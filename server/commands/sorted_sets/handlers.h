// The handlers of the commands on sorted sets, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::sorted_sets {

// add.cc
void zadd(CommandContext& context);
void zincrby(CommandContext& context);

// lookup.cc
void zcard(CommandContext& context);
void zcount(CommandContext& context);
void zlexcount(CommandContext& context);
void zmscore(CommandContext& context);
void zrandmember(CommandContext& context);
void zrank(CommandContext& context);
void zrevrank(CommandContext& context);
void zscan(CommandContext& context);
void zscore(CommandContext& context);

// range.cc
void zrange(CommandContext& context);
void zrangebylex(CommandContext& context);
void zrangebyscore(CommandContext& context);
void zrangestore(CommandContext& context);
void zrevrange(CommandContext& context);
void zrevrangebylex(CommandContext& context);
void zrevrangebyscore(CommandContext& context);

// remove.cc
void zrem(CommandContext& context);
void zremrangebylex(CommandContext& context);
void zremrangebyrank(CommandContext& context);
void zremrangebyscore(CommandContext& context);

// pop.cc
void zmpop(CommandContext& context);
void zpopmax(CommandContext& context);
void zpopmin(CommandContext& context);

// blocking_pop.cc
void bzmpop(CommandContext& context);
void bzpopmax(CommandContext& context);
void bzpopmin(CommandContext& context);

// combine.cc
void zdiff(CommandContext& context);
void zdiffstore(CommandContext& context);
void zinter(CommandContext& context);
void zintercard(CommandContext& context);
void zinterstore(CommandContext& context);
void zunion(CommandContext& context);
void zunionstore(CommandContext& context);

}  // namespace starling::server::sorted_sets
