// How long a command that waits for its keys may wait, as its argument says it: seconds, with or without a fraction.
#pragma once

#include <cstdint>
#include <string_view>

namespace starling::server {

// Into *timeout_ms, rounded up; 0: for ever. Returns the error to reply; empty: it is one.
[[nodiscard]] std::string_view parse_block_timeout(std::string_view text, int64_t* timeout_ms);

}  // namespace starling::server
