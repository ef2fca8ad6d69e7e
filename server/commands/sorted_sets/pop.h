// The members at an end of a sorted set, removed and replied.
#pragma once

#include <cstdint>

#include "engine/base/key.h"
#include "engine/memory/collection.h"
#include "server/execute/command.h"

namespace starling::server::sorted_sets {

enum class PopFrom : uint8_t { kLowest, kHighest };

// Removes the `count` members with the lowest or highest scores, publishes the events, and writes each member and its
// score to the reply: side by side, or in pairs. The array around them is the caller's, who knows how many come.
// Preconditions: `members` is what the key holds, and has so many; count is not 0.
void pop_members(CommandContext& context, const engine::Key& key, const engine::Collection& members,
                 PopFrom from, uint64_t count, bool in_pairs);

}  // namespace starling::server::sorted_sets
