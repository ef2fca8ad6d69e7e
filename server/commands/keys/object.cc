// OBJECT: what can be seen of how a value is kept. Encodings are those in which Redis would keep the same
// content.
#include <array>

#include "engine/base/policies.h"
#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/keys/object_encoding.h"
#include "server/commands/keys/policy_kinds.h"
#include "server/server.h"

namespace starling::server {
namespace {

// The record of argument 2. Not found: null was replied.
engine::Found find_object(CommandContext& context) {
  const engine::Found found = context.database.find(context.key(2), engine::Touch::kNo);
  if (!found) context.reply.null();
  return found;
}

void encoding(CommandContext& context) {
  const engine::Found found = find_object(context);
  if (found) context.reply.bulk(encoding_of(context.server.settings(), found));
}

// Redis has one object for each small integer, shared by all keys, unless objects must tell their last use.
bool would_be_shared(const Settings& settings, const engine::Found& found) {
  constexpr int64_t kSharedIntegers = 10000;
  if (found.type() != engine::Type::kString) return false;
  int64_t value = 0;
  if (!resp::parse_integer(found.string(), &value) || value < 0 || value >= kSharedIntegers) return false;
  return settings.max_memory_bytes == 0 || !tracks_access(settings.eviction_policy);
}

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

CommandSpec of_key(std::string_view usage, Handler handler, std::string_view summary,
                   const Documentation& docs, std::string_view difference = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = 3,
          .flags = kReadOnly,
          .categories = kCatKeyspace | kCatRead | kCatSlow,
          .keys = key_at(2, kKeyRO),
          .handler = handler,
          .group = "generic",
          .since = "2.2.3",
          .summary = summary,
          .difference = difference,
          .docs = docs};
}

std::span<const CommandSpec> object_subcommands() {
  static const std::array subcommands = {
      of_key("encoding key", encoding, "How the value of a key is kept.",
             {.complexity = "O(1)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output"}},
             "follows from the content alone: a value that Redis converted and that then shrank, or a string "
             "that was "
             "appended to, shows as newly made"),
      [] {
        CommandSpec spec = of_key("freq key", freq, "How often a key was used lately.",
                                  {.complexity = "O(1)", .tips = {"nondeterministic_output"}});
        spec.since = "4.0.0";
        return spec;
      }(),
      of_key("idletime key", idletime, "The seconds since a key was last used.",
             {.complexity = "O(1)", .tips = {"nondeterministic_output"}}),
      of_key("refcount key", refcount, "How many references a value has.",
             {.complexity = "O(1)", .tips = {"nondeterministic_output"}},
             "what Redis would answer for the same content"),
      CommandSpec{.name = "help",
                  .arity = 2,
                  .flags = kLoading | kStale,
                  .categories = kCatKeyspace | kCatSlow,
                  .handler = help,
                  .group = "generic",
                  .since = "6.2.0",
                  .summary = "Explains the subcommands.",
                  .scope = Scope::kNode},
  };
  return subcommands;
}

}  // namespace

std::span<const CommandSpec> object_commands() {
  static const std::array commands = {
      CommandSpec{.name = "object",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "generic",
                  .since = "2.2.3",
                  .summary = "Shows how a value is kept.",
                  .subcommands = object_subcommands()},
  };
  return commands;
}

}  // namespace starling::server
