// The arguments that ask for an answer instead of a server.
#pragma once

#include <optional>
#include <span>
#include <string>

namespace starling::server {

// What to print before exiting with success, for -v, --version, -h, --help, --print-config and
// --list-commands (name, tab, difference). Nothing when the arguments are Config::load()'s.
std::optional<std::string> answer_without_server(std::span<const std::string> arguments);

}  // namespace starling::server
