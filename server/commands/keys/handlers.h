// The handlers of the commands on keys of whatever type, and what else their declarations refer to.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server::keys {

// keys.cc
void del(CommandContext& context);
void exists(CommandContext& context);
void touch(CommandContext& context);
void type(CommandContext& context);
void rename(CommandContext& context);
void renamenx(CommandContext& context);
void wait(CommandContext& context);

// databases.cc
void copy_target(Arguments arguments, int database, std::vector<engine::KeyRef>* keys);
void copy(CommandContext& context);
void move_target(Arguments arguments, int database, std::vector<engine::KeyRef>* keys);
void move(CommandContext& context);
void swapdb(CommandContext& context);
void flushdb(CommandContext& context);
void flushall(CommandContext& context);
void dbsize(CommandContext& context);

// dump.cc
void dump(CommandContext& context);
void restore(CommandContext& context);

// expire.cc
void expire(CommandContext& context);
void pexpire(CommandContext& context);
void expireat(CommandContext& context);
void pexpireat(CommandContext& context);
void ttl(CommandContext& context);
void pttl(CommandContext& context);
void expiretime(CommandContext& context);
void pexpiretime(CommandContext& context);
void persist(CommandContext& context);

// object.cc
void encoding(CommandContext& context);
void refcount(CommandContext& context);
void idletime(CommandContext& context);
void freq(CommandContext& context);
void help(CommandContext& context);

// scan.cc
void keys(CommandContext& context);
void scan(CommandContext& context);
void randomkey(CommandContext& context);

}  // namespace starling::server::keys
