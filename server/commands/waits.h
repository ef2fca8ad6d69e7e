// What commands do that may wait until a key holds something to take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/key.h"
#include "engine/base/types.h"
#include "server/execute/command.h"

namespace starling::server {

// Of a command that declares where its timeout is. False: an error was replied.
[[nodiscard]] bool timeout_argument(const CommandContext& context, int64_t* timeout_ms);
// The collection in a key, for a command that may wait; nothing when there is none, also when something else has come
// to be there while the client waited. False: it was of another type before that, and an error was replied.
[[nodiscard]] bool find_for_waiting(CommandContext& context, const engine::Key& key, engine::Type type,
                                    engine::Found* found);
// The key holds `count` elements: whether one of them is for this client, or all are for those who wait longer.
[[nodiscard]] bool is_turn(const CommandContext& context, const engine::Key& key, engine::Type type,
                           uint64_t count);
// The client waits until something of the type comes to be at one of these positions. False: it does not, and is to be
// told that nothing came.
[[nodiscard]] bool wait_for(const CommandContext& context, engine::Type type,
                            std::span<const size_t> positions, int64_t timeout_ms,
                            std::vector<std::string> last_arguments = {});
// The command runs again because it has waited.
bool has_waited(const CommandContext& context);
// Those that it gave to wait_for() then.
std::span<const std::string> last_arguments(const CommandContext& context);

// `count` positions of arguments, the first of which is `first`.
std::vector<size_t> positions_from(size_t first, size_t count);

}  // namespace starling::server
