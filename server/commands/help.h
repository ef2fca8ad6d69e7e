// The reply of a container command's HELP.
#pragma once

#include <span>
#include <string_view>

#include "server/execute/command.h"

namespace starling::server {

inline void write_help(CommandContext& context, std::span<const std::string_view> lines) {
  context.reply.array(lines.size());
  for (const std::string_view line : lines) context.reply.simple_string(line);
}

}  // namespace starling::server
