// The handlers of the commands on streams.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server::streams {

void xadd(CommandContext& context);
void xtrim(CommandContext& context);
void xdel(CommandContext& context);
void xlen(CommandContext& context);
void xrange(CommandContext& context);
void xrevrange(CommandContext& context);
void xsetid(CommandContext& context);
void xread(CommandContext& context);
void xreadgroup(CommandContext& context);
void xack(CommandContext& context);
void xpending(CommandContext& context);
void xclaim(CommandContext& context);
void xautoclaim(CommandContext& context);

void create_group(CommandContext& context);
void set_group_id(CommandContext& context);
void destroy_group(CommandContext& context);
void create_consumer(CommandContext& context);
void delete_consumer(CommandContext& context);
void group_help(CommandContext& context);

void stream_info(CommandContext& context);
void groups_info(CommandContext& context);
void consumers_info(CommandContext& context);
void info_help(CommandContext& context);

// The keys of XREAD and XREADGROUP.
bool find_streams(Arguments arguments, std::vector<int>* positions);

}  // namespace starling::server::streams
