// HINCRBY and HINCRBYFLOAT.
#pragma once

#include "server/execute/command.h"

namespace starling::server {

void hincrby(CommandContext& context);
void hincrbyfloat(CommandContext& context);

}  // namespace starling::server
