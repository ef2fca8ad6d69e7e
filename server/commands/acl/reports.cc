// ACL, as far as it tells of rules and of what was refused.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "server/acl/password.h"
#include "server/commands/acl/handlers.h"
#include "server/commands/arguments.h"
#include "server/commands/help.h"
#include "server/execute/rights.h"
#include "server/server.h"

namespace starling::server::acl_command {
namespace {

constexpr int64_t kUsualBits = 256;
constexpr int64_t kMostBits = 4096;
constexpr int64_t kUsualEntries = 10;
constexpr int kBitsOfDigit = 4;

void reply_wrong_arguments(CommandContext& context) {
  context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                      std::string(context.argument(1)) + "'. Try ACL HELP.");
}

void write_category(const CommandTable& table, uint32_t category, resp::ReplyWriter& reply) {
  std::vector<std::string_view> names;
  for (const auto& command : table.all()) {
    if ((command->spec->categories & category) != 0) names.push_back(command->full_name);
  }
  reply.array(names.size());
  for (const std::string_view name : names) reply.bulk(name);
}

}  // namespace

void categories(CommandContext& context) {
  if (context.size() > 3) return reply_wrong_arguments(context);
  if (context.size() == 3) {
    const uint32_t category = context.server.users().catalogue().category(context.argument(2));
    if (category == 0)
      return context.reply.error("ERR Unknown category '" + std::string(context.argument(2)) + "'");
    return write_category(context.server.commands(), category, context.reply);
  }
  int count = 0;
  while (!category_name(count).empty()) ++count;
  context.reply.array(static_cast<size_t>(count));
  for (int bit = 0; bit < count; ++bit) context.reply.bulk(category_name(bit));
}

void generate_password(CommandContext& context) {
  if (context.size() > 3) return reply_wrong_arguments(context);
  int64_t bits = kUsualBits;
  if (context.size() == 3 && !integer_argument(context, 2, &bits)) return;
  if (bits <= 0 || bits > kMostBits) {
    return context.reply.error(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up "
        "to "
        "4096");
  }
  context.reply.bulk(acl::random_digits(static_cast<size_t>((bits + kBitsOfDigit - 1) / kBitsOfDigit)));
}

void dry_run(CommandContext& context) {
  const acl::Users::Ref user = context.server.users().find(context.argument(2));
  if (user == nullptr)
    return context.reply.error("ERR User '" + std::string(context.argument(2)) + "' not found");
  const Arguments arguments = context.arguments.subspan(3);
  const Command* command = context.server.commands().find(arguments[0]);
  if (command != nullptr && !command->subcommands.empty() && arguments.size() > 1)
    command = CommandTable::find_subcommand(*command, arguments[1]);
  if (command == nullptr)
    return context.reply.error("ERR Command '" + std::string(arguments[0]) + "' not found");
  const int count = static_cast<int>(arguments.size());
  const int arity = command->spec->arity;
  if (arity >= 0 ? count != arity : count < -arity)
    return context.reply.error("ERR wrong number of arguments for '" + command->full_name + "' command");
  CommandUse use;
  const acl::Verdict verdict = acl::check(*user, use.of(*command, arguments));
  if (verdict.allowed()) return context.reply.ok();
  context.reply.bulk(refusal_text(verdict, *user, *command, arguments, true));
}

namespace {

void write_entry(const acl::DenialLog::Entry& entry, int64_t now_ms, resp::ReplyWriter& reply) {
  const acl::DenialLog::Denial& denial = entry.denial;
  reply.map(10);
  reply.bulk("count");
  reply.integer(static_cast<int64_t>(entry.count));
  reply.bulk("reason");
  reply.bulk(acl::name_of(denial.refused));
  reply.bulk("context");
  reply.bulk(acl::name_of(denial.where));
  reply.bulk("object");
  reply.bulk(denial.object);
  reply.bulk("username");
  reply.bulk(denial.user);
  reply.bulk("age-seconds");
  constexpr double kMillisecondsPerSecond = 1000;
  reply.real(static_cast<double>(std::max<int64_t>(0, now_ms - entry.updated_ms)) / kMillisecondsPerSecond);
  reply.bulk("client-info");
  reply.bulk(denial.client);
  reply.bulk("entry-id");
  reply.integer(static_cast<int64_t>(entry.id));
  reply.bulk("timestamp-created");
  reply.integer(entry.created_ms);
  reply.bulk("timestamp-last-updated");
  reply.integer(entry.updated_ms);
}

}  // namespace

void log(CommandContext& context) {
  if (context.size() > 3) return reply_wrong_arguments(context);
  if (context.size() == 3 && is_word(context.argument(2), "reset")) {
    context.server.denials().clear();
    return context.reply.ok();
  }
  int64_t count = kUsualEntries;
  if (context.size() == 3 && !integer_argument(context, 2, &count)) return;
  const std::vector<acl::DenialLog::Entry> entries =
      context.server.denials().newest(static_cast<size_t>(std::max<int64_t>(0, count)));
  context.reply.array(entries.size());
  for (const acl::DenialLog::Entry& entry : entries) write_entry(entry, context.now_ms(), context.reply);
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CAT [<category>]",
      "    The categories of commands, or the commands of one.",
      "DELUSER <username> [<username> ...]",
      "    Deletes users, and closes their connections.",
      "DRYRUN <username> <command> [<arg> ...]",
      "    Whether the user may run the command, which is not run.",
      "GENPASS [<bits>]",
      "    A password that nobody can guess, of 256 bits or so many.",
      "GETUSER <username>",
      "    What a user may do.",
      "LIST",
      "    The users, as lines of a file.",
      "LOAD",
      "    Takes the users from the file that aclfile names.",
      "LOG [<count> | RESET]",
      "    What was refused to whom.",
      "SAVE",
      "    Writes the users to that file.",
      "SETUSER <username> [<rule> ...]",
      "    Makes a user, or changes what it may do.",
      "USERS",
      "    The names of the users.",
      "WHOAMI",
      "    The user of this connection.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

}  // namespace starling::server::acl_command
