// COMMAND: what commands there are, what they take and what they do.
#include "server/execute/command.h"

#include <array>
#include <vector>

#include "resp/glob.h"
#include "server/commands/arguments.h"
#include "server/commands/families.h"
#include "server/commands/help.h"
#include "server/execute/command_description.h"
#include "server/server.h"

namespace starling::server {
namespace {

void describe_all(CommandContext& context) {
  const auto commands = context.server.commands().top_level();
  context.reply.array(commands.size());
  for (const Command* command : commands) write_command_information(*command, context.reply);
}

void info(CommandContext& context) {
  if (context.size() == 2) return describe_all(context);
  context.reply.array(context.size() - 2);
  for (const std::string_view name : context.arguments.subspan(2)) {
    const Command* command = context.server.commands().find_full(name);
    if (command == nullptr) {
      context.reply.null();
    } else {
      write_command_information(*command, context.reply);
    }
  }
}

void count(CommandContext& context) {
  context.reply.integer(static_cast<int64_t>(context.server.commands().top_level().size()));
}

void docs(CommandContext& context) {
  std::vector<const Command*> commands;
  if (context.size() == 2) {
    const auto all = context.server.commands().top_level();
    commands.assign(all.begin(), all.end());
  }
  for (const std::string_view name : context.arguments.subspan(2)) {
    const Command* command = context.server.commands().find_full(name);
    if (command != nullptr) commands.push_back(command);
  }
  context.reply.map(commands.size());
  for (const Command* command : commands) {
    context.reply.bulk(command->full_name);
    write_command_documentation(*command, context.reply);
  }
}

// The filters of COMMAND LIST. False: there is no filter of that name.
bool matches(const Command& command, std::string_view filter, std::string_view value, bool* result) {
  if (is_word(filter, "pattern")) {
    *result = resp::glob_match(value, command.full_name, true);
  } else if (is_word(filter, "aclcat")) {
    *result = false;
    for (int bit = 0; !category_name(bit).empty(); ++bit) {
      *result |=
          (command.spec->categories >> bit & 1) != 0 && equals_ignoring_case(category_name(bit), value);
    }
  } else if (is_word(filter, "module")) {
    *result = false;
  } else {
    return false;
  }
  return true;
}

void list(CommandContext& context) {
  const bool filtered = context.size() == 5 && is_word(context.argument(2), "filterby");
  if (context.size() != 2 && !filtered) return context.reply.error(kSyntaxError);
  std::vector<std::string_view> names;
  for (const auto& command : context.server.commands().all()) {
    bool wanted = true;
    if (filtered && !matches(*command, context.argument(3), context.argument(4), &wanted)) {
      return context.reply.error(kSyntaxError);
    }
    if (wanted) names.push_back(command->full_name);
  }
  context.reply.array(names.size());
  for (const std::string_view name : names) context.reply.bulk(name);
}

// The command that starts at argument 2, and the positions of its keys in it. Null: an error was replied.
const Command* find_command_and_keys(CommandContext& context, std::vector<int>* positions) {
  const Arguments arguments = context.arguments.subspan(2);
  const auto refuse = [&](std::string_view error) {
    context.reply.error(error);
    return nullptr;
  };
  const Command* command = context.server.commands().find(arguments[0]);
  if (command != nullptr && !command->subcommands.empty() && arguments.size() > 1) {
    command = CommandTable::find_subcommand(*command, arguments[1]);
  }
  if (command == nullptr) return refuse("ERR Invalid command specified");
  if (!command->has_keys) return refuse("ERR The command has no key arguments");
  const int arity = command->spec->arity;
  const int given = static_cast<int>(arguments.size());
  if (arity >= 0 ? given != arity : given < -arity) {
    return refuse("ERR Invalid number of arguments specified for command");
  }
  const bool needs_keys = (command->spec->flags & kNoMandatoryKeys) == 0;
  if (!find_keys(*command->spec, arguments, positions) || (needs_keys && positions->empty())) {
    return refuse("ERR Invalid arguments specified for command");
  }
  return command;
}

void get_keys(CommandContext& context) {
  std::vector<int> positions;
  if (find_command_and_keys(context, &positions) == nullptr) return;
  context.reply.array(positions.size());
  for (const int position : positions)
    context.reply.bulk(context.argument(2 + static_cast<size_t>(position)));
}

void get_keys_and_flags(CommandContext& context) {
  std::vector<int> positions;
  const Command* command = find_command_and_keys(context, &positions);
  if (command == nullptr) return;
  context.reply.array(positions.size());
  for (const int position : positions) {
    context.reply.array(2);
    context.reply.bulk(context.argument(2 + static_cast<size_t>(position)));
    write_key_use(key_use_at(*command->spec, context.arguments.subspan(2), position), context.reply);
  }
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "(no subcommand)",
      "    Describes all commands.",
      "COUNT",
      "    Tells how many commands there are.",
      "LIST [FILTERBY <MODULE <name>|ACLCAT <category>|PATTERN <pattern>>]",
      "    The names of all commands, or of those that match.",
      "INFO [<command> ...]",
      "    Describes these commands: arity, flags, keys, categories. Without names, all.",
      "DOCS [<command> ...]",
      "    Documents these commands: what they do, since when. Without names, all.",
      "GETKEYS <command> [<arg> ...]",
      "    The keys among the arguments of this command.",
      "GETKEYSANDFLAGS <command> [<arg> ...]",
      "    The same, each with what the command does with it.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

constexpr CommandChange kCommandInfoHistory[] = {{"7.0.0", "Without names, all commands."}};

constexpr CommandSpec subcommand(std::string_view usage, int arity, Handler handler, std::string_view since,
                                 std::string_view summary, const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kLoading | kStale,
          .categories = kCatSlow | kCatConnection,
          .handler = handler,
          .group = "server",
          .since = since,
          .summary = summary,
          .scope = Scope::kNode,
          .docs = docs};
}

std::span<const CommandSpec> subcommands() {
  static constexpr std::array kSubcommands = {
      subcommand("count", 2, count, "2.8.13", "How many commands there are.", {.complexity = "O(1)"}),
      subcommand(
          "docs [command-name ...]", -2, docs, "7.0.0", "What commands do, since when.",
          {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output_order"}}),
      subcommand("getkeys command [arg ...]", -4, get_keys, "2.8.13", "The keys among a command's arguments.",
                 {.complexity = "O(N)", .work = Work::kOfFewThings}),
      subcommand("getkeysandflags command [arg ...]", -4, get_keys_and_flags, "7.0.0",
                 "The keys among a command's arguments, and what happens to them.",
                 {.complexity = "O(N)", .work = Work::kOfFewThings}),
      subcommand("help", 2, help, "5.0.0", "Explains the subcommands."),
      subcommand("info [command-name ...]", -2, info, "2.8.13",
                 "Arity, flags, keys and categories of commands.",
                 {.complexity = "O(N)",
                  .work = Work::kOfFewThings,
                  .tips = {"nondeterministic_output_order"},
                  .history = kCommandInfoHistory}),
      subcommand(
          "list [FILTERBY (filterby= MODULE module-name | ACLCAT category | PATTERN pattern)]", -2, list,
          "7.0.0", "The names of commands.",
          {.complexity = "O(N)", .work = Work::kOfFewThings, .tips = {"nondeterministic_output_order"}}),
  };
  return kSubcommands;
}

}  // namespace

std::span<const CommandSpec> command_commands() {
  static const std::array commands = {
      CommandSpec{.name = "command",
                  .arity = -1,
                  .flags = kLoading | kStale,
                  .categories = kCatSlow | kCatConnection,
                  .handler = describe_all,
                  .group = "server",
                  .since = "2.8.13",
                  .summary = "Describes all commands.",
                  .subcommands = subcommands(),
                  .scope = Scope::kNode,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kOfFewThings,
                           .tips = {"nondeterministic_output_order"}}},
  };
  return commands;
}

}  // namespace starling::server
