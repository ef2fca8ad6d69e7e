// The handlers of the commands on strings of bits, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::bits {

// bits.cc
void setbit(CommandContext& context);
void getbit(CommandContext& context);
void bitcount(CommandContext& context);
void bitpos(CommandContext& context);
void bitop(CommandContext& context);

// bitfield.cc
void bitfield(CommandContext& context);
void bitfield_ro(CommandContext& context);
uint16_t exact_bitfield_use(Arguments arguments);

}  // namespace starling::server::bits
