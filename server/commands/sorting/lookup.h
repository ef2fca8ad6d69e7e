// The values that belong to the elements which are sorted: of keys that no argument names.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "server/commands/sorting/request.h"

namespace starling::server::sorting {

// Locks the keys of all values and has them in memory. False: some are not at hand; the command starts over with them
// or, where it cannot (inside EXEC or a script), an error was replied.
[[nodiscard]] bool reach_values(CommandContext& context, const Request& request,
                                const std::vector<std::string_view>& elements);

// Nothing when there is none, or it is of another type. Precondition: reached.
std::optional<std::string_view> value_of(CommandContext& context, const ValuePattern& pattern,
                                         std::string_view element);

}  // namespace starling::server::sorting
