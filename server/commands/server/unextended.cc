// What Starling has not, asked for as an unextended Redis is asked: who looks for modules finds none.
#include <array>

#include "server/commands/families.h"

namespace starling::server {
namespace {

void module_list(CommandContext& context) {
  context.reply.array(0);
}

std::span<const CommandSpec> module_subcommands() {
  static constexpr std::array kSubcommands = {
      CommandSpec{.name = "list",
                  .arity = 2,
                  .flags = kAdmin | kNoScript,
                  .categories = kCatAdmin | kCatSlow | kCatDangerous,
                  .handler = module_list,
                  .group = "server",
                  .since = "4.0.0",
                  .summary = "Modules: there are none.",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> unextended_commands() {
  static const std::array commands = {
      CommandSpec{.name = "module",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "server",
                  .since = "4.0.0",
                  .summary = "Groups the commands about modules.",
                  .subcommands = module_subcommands(),
                  .difference = "there are no modules"},
  };
  return commands;
}

}  // namespace starling::server
