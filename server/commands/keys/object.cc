// OBJECT: what can be seen of how a value is kept. Encodings are those in which Redis would keep the same
// content.

#include "engine/base/policies.h"
#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/keys/handlers.h"
#include "server/commands/keys/object_encoding.h"
#include "server/commands/keys/policy_kinds.h"
#include "server/server.h"

namespace starling::server::keys {
namespace {

// The record of argument 2. Not found: null was replied.
engine::Found find_object(CommandContext& context) {
  const engine::Found found = context.database.find(context.key(2), engine::Touch::kNo);
  if (!found) context.reply.null();
  return found;
}

}  // namespace

void encoding(CommandContext& context) {
  const engine::Found found = find_object(context);
  if (found) context.reply.bulk(encoding_of(context.server.settings(), found));
}

namespace {

// Redis has one object for each small integer, shared by all keys, unless objects must tell their last use.
bool would_be_shared(const Settings& settings, const engine::Found& found) {
  constexpr int64_t kSharedIntegers = 10000;
  if (found.type() != engine::Type::kString) return false;
  int64_t value = 0;
  if (!resp::parse_integer(found.string(), &value) || value < 0 || value >= kSharedIntegers) return false;
  return settings.max_memory_bytes == 0 || !tracks_access(settings.eviction_policy);
}

}  // namespace

void refcount(CommandContext& context) {
  const engine::Found found = find_object(context);
  if (found) context.reply.integer(would_be_shared(context.server.settings(), found) ? INT32_MAX : 1);
}

void idletime(CommandContext& context) {
  const engine::Found found = find_object(context);
  if (!found) return;
  if (tracks_frequency(context.server.settings().eviction_policy)) {
    return context.reply.error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching "
        "between "
        "policies at runtime LRU and LFU data will take some time to adjust.");
  }
  context.reply.integer(found.idle_seconds());
}

void freq(CommandContext& context) {
  const engine::Found found = find_object(context);
  if (!found) return;
  if (!tracks_frequency(context.server.settings().eviction_policy)) {
    return context.reply.error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when "
        "switching "
        "between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  context.reply.integer(found.frequency());
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ENCODING <key>",
      "    How the value of the key is kept.",
      "FREQ <key>",
      "    How often the key was used lately, as the logarithmic counter of the LFU policies.",
      "IDLETIME <key>",
      "    The seconds since the key was last used, about.",
      "REFCOUNT <key>",
      "    How many references the value has.",
      "HELP",
      "    Prints this help.",
  };
  context.reply.array(std::size(kLines));
  for (const std::string_view line : kLines) context.reply.simple_string(line);
}

}  // namespace starling::server::keys
