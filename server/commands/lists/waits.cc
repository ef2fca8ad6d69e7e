#include "server/commands/lists/waits.h"

#include <string_view>

#include "engine/base/types.h"
#include "server/commands/arguments.h"
#include "server/execute/block_timeout.h"
#include "server/execute/blocked_clients.h"
#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server::lists {

bool timeout_argument(const CommandContext& context, int64_t* timeout_ms) {
  const size_t position = timeout_position(context.spec, context.arguments);
  const std::string_view error = parse_block_timeout(context.argument(position), timeout_ms);
  if (error.empty()) return true;
  context.reply.error(error);
  return false;
}

bool find_for_waiting(CommandContext& context, const engine::Key& key, engine::Found* found) {
  if (!context.client.io_thread().blocked().has_waited(context.client))
    return find_to_change(context, key, engine::Type::kList, found);
  *found = find_to_change(context, key);
  if (*found && found->type() != engine::Type::kList) *found = {};
  return true;
}

bool is_turn(const CommandContext& context, const engine::Key& key, uint64_t count) {
  return context.client.io_thread().blocked().is_turn(context, key, engine::Type::kList, count);
}

bool wait_for_list(const CommandContext& context, std::span<const size_t> positions, int64_t timeout_ms) {
  return context.client.io_thread().blocked().wait(context, engine::Type::kList, positions, timeout_ms);
}

}  // namespace starling::server::lists
