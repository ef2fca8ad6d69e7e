// The arguments that ask for an answer instead of a server.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace starling::server {

inline constexpr std::string_view kVersion = "0.1.0";
// The Redis version whose behaviour is followed; some clients choose commands by it.
inline constexpr std::string_view kRedisVersion = "7.0.15";

// What to print before exiting with success, for -v, --version, -h, --help, --print-config and
// --list-commands (name, tab, difference). Nothing when the arguments are Config::load()'s.
std::optional<std::string> answer_without_server(std::span<const std::string> arguments);

}  // namespace starling::server
