// INFO. Its sections are in server/info/.
#include <array>

#include "server/commands/families.h"
#include "server/info/sections.h"
#include "server/io_thread.h"

namespace starling::server {
namespace {

void info(CommandContext& context) {
  if (!context.client.io_thread().dispatcher().lock_any(context)) return;
  InfoContext info_context{context.server, context.operation};
  InfoWriter writer;
  for (const InfoSection& section : info_sections()) {
    if (shows_section(section, context.arguments.subspan(1))) section.write(info_context, writer);
  }
  context.reply.verbatim("txt", writer.text());
}

constexpr CommandChange kInfoHistory[] = {{"7.0.0", "Several sections."}};

}  // namespace

std::span<const CommandSpec> info_commands() {
  static const std::array commands = {
      CommandSpec{.name = "info",
                  .syntax = "[section ...]",
                  .arity = -1,
                  .flags = kLoading | kStale,
                  .categories = kCatSlow | kCatDangerous,
                  .handler = info,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Figures about the server, by sections.",
                  .difference = "figures about forks, replicas and scripts are constant; the section rocksdb "
                                "is Starling's own",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(1)",
                           .tips = {"nondeterministic_output", "request_policy:all_shards",
                                    "response_policy:special"},
                           .history = kInfoHistory}},
  };
  return commands;
}

}  // namespace starling::server
