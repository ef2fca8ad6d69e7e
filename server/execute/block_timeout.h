// How long a command that waits for its keys may wait, as its argument says it: seconds, with or without a fraction;
// or, as an option's value, whole milliseconds.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/execute/command_spec.h"

namespace starling::server {

// Into *timeout_ms, rounded up; 0: for ever. Returns the error to reply; empty: it is one.
[[nodiscard]] std::string_view parse_block_timeout(std::string_view text, int64_t* timeout_ms);
[[nodiscard]] std::string_view parse_block_milliseconds(std::string_view text, int64_t* timeout_ms);
// Where this option of XREAD or XREADGROUP is, in upper case; 0: it is not given.
size_t option_position(Arguments arguments, std::string_view option);
// Of a command that waits with these arguments.
[[nodiscard]] std::string_view block_timeout_of(const CommandSpec& spec, Arguments arguments,
                                                int64_t* timeout_ms);

}  // namespace starling::server
