// The handlers of the commands on strings, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::strings {

// strings.cc
void get(CommandContext& context);
bool set_reads_before(Arguments arguments);
uint16_t exact_set_use(Arguments arguments);
void set(CommandContext& context);
void setnx(CommandContext& context);
void setex(CommandContext& context);
void psetex(CommandContext& context);
void getset(CommandContext& context);
void getdel(CommandContext& context);
void getex(CommandContext& context);
void mget(CommandContext& context);
void mset(CommandContext& context);
void msetnx(CommandContext& context);

// string_numbers.cc
void incr(CommandContext& context);
void decr(CommandContext& context);
void incrby(CommandContext& context);
void decrby(CommandContext& context);
void incrbyfloat(CommandContext& context);

// string_ranges.cc
void append(CommandContext& context);
void setrange(CommandContext& context);
void string_length(CommandContext& context);
void getrange(CommandContext& context);

// lcs.cc
void lcs(CommandContext& context);

}  // namespace starling::server::strings
