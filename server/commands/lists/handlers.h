// The handlers of the commands on lists.
#pragma once

#include "server/execute/command.h"

namespace starling::server::lists {

// look.cc
void llen(CommandContext& context);
void lindex(CommandContext& context);
void lrange(CommandContext& context);
void lpos(CommandContext& context);

// push.cc
void lpush(CommandContext& context);
void rpush(CommandContext& context);
void lpushx(CommandContext& context);
void rpushx(CommandContext& context);
void linsert(CommandContext& context);
void lset(CommandContext& context);

// remove.cc
void lrem(CommandContext& context);
void ltrim(CommandContext& context);

// pop.cc
void lpop(CommandContext& context);
void rpop(CommandContext& context);
void lmpop(CommandContext& context);
void blpop(CommandContext& context);
void brpop(CommandContext& context);
void blmpop(CommandContext& context);

// move.cc
void lmove(CommandContext& context);
void rpoplpush(CommandContext& context);
void blmove(CommandContext& context);
void brpoplpush(CommandContext& context);

}  // namespace starling::server::lists
