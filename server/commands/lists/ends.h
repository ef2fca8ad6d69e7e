// What the commands on lists share: ends and places as arguments, and items that come and go at an end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/types/list/list.h"
#include "server/execute/command.h"

namespace starling::server::lists {

using engine::ListEnd;

// Argument i as LEFT or RIGHT. False: it is neither, and a syntax error was replied.
[[nodiscard]] bool end_argument(const CommandContext& context, size_t i, ListEnd* end);
// Where an index, which counts from the back when negative, is in a list of that size. False: not in it.
[[nodiscard]] bool place_of(int64_t index, uint64_t size, uint64_t* place);

struct Stretch {
  uint64_t first = 0;
  uint64_t count = 0;
};
// From `start` to `stop`, which count from the back when negative, as far as there is something.
Stretch stretch_of(int64_t start, int64_t stop, uint64_t size);

// Puts the items at that end, one after the other, and publishes it. `absent`: the key was; else it is a list.
void push(CommandContext& context, const engine::Key& key, ListEnd end,
          std::span<const std::string_view> items, bool absent);
// The items of a list at that end, outermost first, as a reply.
void reply_items(CommandContext& context, engine::ListView list, ListEnd end, uint64_t count);
// Takes them off, and publishes it. Precondition: the key holds a list of `size` items, of which there are so many.
void drop(CommandContext& context, const engine::Key& key, ListEnd end, uint64_t count, uint64_t size);

}  // namespace starling::server::lists
