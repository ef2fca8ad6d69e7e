// Splits the line of an inline request; the grammar is in request_parser.h.
#pragma once

#include <span>

#include "resp/argument_arena.h"

namespace starling::resp {

// Adds the arguments of `line` (without its line end) to `arguments`. Quotes and escapes are undone in place,
// which overwrites `line`; the arguments refer to it. Returns false when a quote is not closed or is followed
// by something other than space.
[[nodiscard]] bool split_inline(std::span<char> line, ArgumentArena* arguments);

}  // namespace starling::resp
