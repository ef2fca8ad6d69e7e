// Glob patterns as in KEYS, SCAN MATCH and PSUBSCRIBE.
//
//   pattern = *( "*" | "?" | class | "\" byte | byte )        "*": any bytes; "?": one byte
//   class   = "[" ["^"] *( "\" byte | byte "-" byte | byte ) "]"   a missing "]" ends the class with the
//   pattern
//
// Ranges may be written in either order and compare bytes as signed, as Redis does on common machines. An
// empty string is matched by the empty pattern only, not even by "*".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starling::resp {

// Tokens that match one byte each, in a part of a pattern between two stars that is not of plain bytes only.
inline constexpr size_t kMaxGlobPartTokens = 4096;
// The most steps for each byte of pattern and string, where a step is a byte or 64 bits looked at; and those
// that it takes whatever their lengths.
inline constexpr uint64_t kGlobStepsPerByte = 160;
inline constexpr uint64_t kGlobLeastSteps = 4096;

// Linear in pattern and string, whatever they are: at most kGlobStepsPerByte steps a byte. A pattern that is
// not glob_bounded() matches nothing where that would take more. `steps`, if given: how many it took.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view string, bool ignore_case = false,
                              uint64_t* steps = nullptr);

// Whether no part of the pattern has more than kMaxGlobPartTokens. Commands refuse what is not.
[[nodiscard]] bool glob_bounded(std::string_view pattern);

// What glob_match() does where trying every place in turn would take long; the same answers. For tests.
[[nodiscard]] bool glob_match_by_parts(std::string_view pattern, std::string_view string, bool ignore_case,
                                       uint64_t* steps);

}  // namespace starling::resp
