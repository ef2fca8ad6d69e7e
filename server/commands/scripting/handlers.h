// The handlers of the commands on scripts, and what else their declarations refer to.
#pragma once

#include <span>
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

// functions.cc
void fcall(CommandContext& context);
void fcall_ro(CommandContext& context);
void function_delete(CommandContext& context);
void function_dump(CommandContext& context);
void function_flush(CommandContext& context);
void function_load(CommandContext& context);
void function_restore(CommandContext& context);

// function_reports.cc
void function_help(CommandContext& context);
void function_list(CommandContext& context);
void function_stats(CommandContext& context);

// function_table.cc
std::span<const CommandSpec> function_subcommands();

}  // namespace starling::server::scripting
