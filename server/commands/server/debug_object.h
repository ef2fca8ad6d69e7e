// DEBUG OBJECT: how a value is kept.
#pragma once

#include "server/execute/command.h"

namespace starling::server {

// The key is argument 2.
void debug_object(CommandContext& context);

}  // namespace starling::server
