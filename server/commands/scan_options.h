// The cursor and the options of SCAN, HSCAN and SSCAN.
//
//   cursor  = [ "+" | "-" ] 1*digit | ""        read as strtoul() does: "" is 0, "-1" is 2^64 - 1
//   options = *( "MATCH" pattern | "COUNT" positive-integer | "TYPE" name )     TYPE: SCAN only
//
// The same option may be repeated: the last one counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/execute/command.h"

namespace starling::server {

inline constexpr std::string_view kInvalidCursorError = "ERR invalid cursor";

// False: no cursor; *cursor is left alone. What follows a zero byte is not looked at, as in Redis.
[[nodiscard]] bool parse_scan_cursor(std::string_view text, uint64_t* cursor);

struct ScanOptions {
  uint64_t count = 10;
  std::optional<std::string_view> pattern;  // Unset: everything.
  std::optional<std::string_view> type;     // As given, whether there is such a type or not.

  bool matches(std::string_view name) const;
};

enum class ScanOf { kKeys, kElements };

// Reads the options from argument `first` on. False: an error was replied.
[[nodiscard]] bool scan_options(const CommandContext& context, size_t first, ScanOf scan_of,
                                ScanOptions* options);

}  // namespace starling::server
