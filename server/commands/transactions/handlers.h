// The handlers of the commands on transactions, and what else their declarations refer to.
#pragma once

#include "server/execute/command.h"

namespace starling::server::transactions {

// transaction.cc
void multi(CommandContext& context);
void discard(CommandContext& context);
void exec(CommandContext& context);
void watch(CommandContext& context);
void unwatch(CommandContext& context);

}  // namespace starling::server::transactions
