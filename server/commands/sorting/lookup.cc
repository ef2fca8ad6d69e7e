#include "server/commands/sorting/lookup.h"

#include <memory>
#include <thread>
#include <utility>

#include "server/commands/arguments.h"
#include "server/execute/dispatcher.h"
#include "server/execute/script_needs.h"
#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server::sorting {
namespace {

// Who cannot start over tries again: others hold stripes for some microseconds.
constexpr int kTries = 10'000;

void add_keys(const CommandContext& context, const ValuePattern& pattern,
              const std::vector<std::string_view>& elements, ScriptNeeds* needs) {
  if (!pattern.names_keys()) return;
  for (const std::string_view element : elements) {
    const std::string name = pattern.key_of(element);
    needs->add({context.client.database, engine::Key(name)});
  }
}

bool reach(CommandContext& context, const engine::KeyRef& key) {
  bool locked = context.operation.try_lock_more(key);
  for (int tries = 1; !locked && context.in_exec && tries < kTries; ++tries) {
    std::this_thread::yield();
    locked = context.operation.try_lock_more(key);
  }
  return locked && context.operation.resident(key);
}

}  // namespace

bool reach_values(CommandContext& context, const Request& request,
                  const std::vector<std::string_view>& elements) {
  auto needs = std::make_unique<ScriptNeeds>();
  if (request.has_weights) add_keys(context, request.weights, elements, needs.get());
  for (const ValuePattern& pattern : request.values) add_keys(context, pattern, elements, needs.get());
  for (const engine::KeyRef& key : needs->keys) {
    if (reach(context, key)) continue;
    if (context.in_exec) {
      context.reply.error("ERR SORT needs a key that it is not given and that is not at hand");
    } else {
      context.client.io_thread().dispatcher().start_over_with(std::move(needs));
    }
    return false;
  }
  return true;
}

std::optional<std::string_view> value_of(CommandContext& context, const ValuePattern& pattern,
                                         std::string_view element) {
  if (pattern.is_element()) return element;
  if (!pattern.names_keys()) return std::nullopt;
  const std::string name = pattern.key_of(element);
  const engine::Found found = find_to_read(context, engine::Key(name));
  if (!found) return std::nullopt;
  if (!pattern.field().empty()) {
    if (found.type() != engine::Type::kHash) return std::nullopt;
    return found.collection().find(pattern.field());
  }
  if (found.type() != engine::Type::kString) return std::nullopt;
  return found.string();
}

}  // namespace starling::server::sorting
