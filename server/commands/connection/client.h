// What other families need of CLIENT.
#pragma once

#include <string_view>

#include "server/execute/command.h"

namespace starling::server {

// Names the client. False: the name is not allowed, and an error was answered.
bool set_client_name(CommandContext& context, std::string_view name);

}  // namespace starling::server
