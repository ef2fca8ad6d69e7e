// Glob patterns as in KEYS, SCAN MATCH and PSUBSCRIBE.
//
//   pattern = *( "*" | "?" | class | "\" byte | byte )        "*": any bytes; "?": one byte
//   class   = "[" ["^"] *( "\" byte | byte "-" byte | byte ) "]"   a missing "]" ends the class
//                                                                  with the pattern
//
// Ranges may be written in either order and compare bytes as signed, as Redis does on common machines. An
// empty string is matched by the empty pattern only, not even by "*".
#pragma once

#include <string_view>

namespace starling::resp {

// Takes at most O(string * longest part of the pattern between two stars) steps, without recursion: only the
// last star seen is ever tried again, which is enough because every other token matches exactly one byte.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view string, bool ignore_case = false);

}  // namespace starling::resp
