#include "server/commands/waits.h"

#include <numeric>
#include <string_view>
#include <utility>

#include "server/commands/arguments.h"
#include "server/execute/block_timeout.h"
#include "server/execute/blocked_clients.h"
#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server {

bool timeout_argument(const CommandContext& context, int64_t* timeout_ms) {
  const std::string_view error = block_timeout_of(context.spec, context.arguments, timeout_ms);
  if (error.empty()) return true;
  context.reply.error(error);
  return false;
}

bool find_for_waiting(CommandContext& context, const engine::Key& key, engine::Type type,
                      engine::Found* found) {
  if (!context.client.io_thread().blocked().has_waited(context.client))
    return find_to_change(context, key, type, found);
  *found = find_to_change(context, key);
  if (*found && found->type() != type) *found = {};
  return true;
}

bool is_turn(const CommandContext& context, const engine::Key& key, engine::Type type, uint64_t count) {
  return context.client.io_thread().blocked().is_turn(context, key, type, count);
}

bool wait_for(const CommandContext& context, engine::Type type, std::span<const size_t> positions,
              int64_t timeout_ms, std::vector<std::string> last_arguments) {
  return context.client.io_thread().blocked().wait(context, type, positions, timeout_ms,
                                                   std::move(last_arguments));
}

bool has_waited(const CommandContext& context) {
  return context.client.io_thread().blocked().has_waited(context.client);
}

std::span<const std::string> last_arguments(const CommandContext& context) {
  return context.client.io_thread().blocked().last_arguments(context.client);
}

std::vector<size_t> positions_from(size_t first, size_t count) {
  std::vector<size_t> positions(count);
  std::iota(positions.begin(), positions.end(), first);
  return positions;
}

}  // namespace starling::server
