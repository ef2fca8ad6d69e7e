// The end of the commands that make a sorted set of what they found.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/execute/command.h"

namespace starling::server::sorted_sets {

// Puts what was made in the place of whatever the key in that argument holds, publishes `event` and replies with the
// number of members. Of none the key is removed.
void store_members(CommandContext& context, size_t key_at, engine::SortedSetMaker made,
                   std::string_view event);

}  // namespace starling::server::sorted_sets
