// DEBUG PROTOCOL: one reply of each type, for tests of clients.
#pragma once

#include "server/execute/command.h"

namespace starling::server {

void debug_protocol(CommandContext& context);

}  // namespace starling::server
