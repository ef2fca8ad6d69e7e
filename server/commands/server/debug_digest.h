// DEBUG DIGEST-VALUE: what a key holds, in 20 bytes that are the same in Redis.
#pragma once

#include "server/execute/command.h"

namespace starling::server {

// The keys are the arguments from 2 on.
void debug_digest_value(CommandContext& context);

}  // namespace starling::server
