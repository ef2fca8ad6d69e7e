// What commands on lists do that may wait for an item.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/key.h"
#include "server/execute/command.h"

namespace starling::server::lists {

// Of a command that declares where its timeout is. False: an error was replied.
[[nodiscard]] bool timeout_argument(const CommandContext& context, int64_t* timeout_ms);
// The list in a key, for a command that may wait; nothing when there is none, also when something else has come to be
// there while the client waited. False: it was of another type before that, and an error was replied.
[[nodiscard]] bool find_for_waiting(CommandContext& context, const engine::Key& key, engine::Found* found);
// The key holds `count` items: whether one of them is for this client, or all are for those who wait longer.
[[nodiscard]] bool is_turn(const CommandContext& context, const engine::Key& key, uint64_t count);
// The client waits until a list comes to be at one of these positions. False: it does not, and is to be told that
// nothing came.
[[nodiscard]] bool wait_for_list(const CommandContext& context, std::span<const size_t> positions,
                                 int64_t timeout_ms);

}  // namespace starling::server::lists
