// The handlers of the commands on scripts, and what else their declarations refer to.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server::scripting {

// scripting.cc
bool find_script_keys(Arguments arguments, std::vector<int>* positions);
void eval(CommandContext& context);
void evalsha(CommandContext& context);
void eval_ro(CommandContext& context);
void evalsha_ro(CommandContext& context);
void debug(CommandContext& context);
void exists(CommandContext& context);
void flush(CommandContext& context);
void help(CommandContext& context);
void kill(CommandContext& context);
void load(CommandContext& context);
void show(CommandContext& context);

}  // namespace starling::server::scripting
