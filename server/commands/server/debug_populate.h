// DEBUG POPULATE: many keys at once, for tests that need them.
#pragma once

#include "server/execute/command.h"

namespace starling::server {

// Arguments 2 to 4: how many keys, the prefix of their names, the bytes of each value.
void debug_populate(CommandContext& context);

}  // namespace starling::server
