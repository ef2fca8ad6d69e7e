// When commands got what they did not have at first, in COMMAND DOCS. Facts of Redis's protocol, in our own
// words.
#pragma once

#include <span>
#include <string_view>

namespace starling::server {

struct CommandChange {
  std::string_view name;   // Full.
  std::string_view since;  // The Redis version.
  std::string_view what;
};

// Oldest first. Empty: nothing has changed since the command came.
std::span<const CommandChange> command_history(std::string_view full_name);

}  // namespace starling::server
