// The members at an end of a sorted set, removed and replied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/key.h"
#include "engine/memory/collection.h"
#include "server/execute/command.h"

namespace starling::server::sorted_sets {

enum class PopFrom : uint8_t { kLowest, kHighest };

// Of ZMPOP and BZMPOP: the positions of the keys, and what to take of the first that has something.
struct PopRequest {
  std::vector<size_t> positions;
  PopFrom from = PopFrom::kLowest;
  uint64_t count = 1;
};
// Reads "numkeys key ... MIN | MAX [COUNT count]" from argument `at` on. False: an error was replied.
[[nodiscard]] bool pop_request(const CommandContext& context, size_t at, PopRequest* request);

// Replies the key and, in pairs, up to so many of its members, which it removes. Precondition: they are what it holds.
void pop_with_key(CommandContext& context, const engine::Key& key, const engine::Collection& members,
                  PopFrom from, uint64_t most);

// Removes the `count` members with the lowest or highest scores, publishes the events, and writes each member and its
// score to the reply: side by side, or in pairs. The array around them is the caller's, who knows how many come.
// Preconditions: `members` is what the key holds, and has so many; count is not 0.
void pop_members(CommandContext& context, const engine::Key& key, const engine::Collection& members,
                 PopFrom from, uint64_t count, bool in_pairs);

}  // namespace starling::server::sorted_sets
