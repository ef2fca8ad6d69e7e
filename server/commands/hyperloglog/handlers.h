// The handlers of the commands on HyperLogLogs, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::hyperloglog {

inline constexpr std::string_view kDamagedError = "INVALIDOBJ Corrupted HLL object detected";

// hyperloglog.cc
void add(CommandContext& context);
void count(CommandContext& context);
void merge(CommandContext& context);
// False: it holds something else; an error was replied.
[[nodiscard]] bool check_value(CommandContext& context, const engine::Found& found);

// debug.cc
void debug(CommandContext& context);
void self_test(CommandContext& context);

}  // namespace starling::server::hyperloglog
