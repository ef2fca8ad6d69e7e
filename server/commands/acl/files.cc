// ACL LOAD and SAVE.
#include <algorithm>
#include <string>
#include <vector>

#include "server/commands/acl/handlers.h"
#include "server/execute/user_file.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server::acl_command {
namespace {

// False: there is none; an error was replied.
bool has_file(CommandContext& context) {
  if (!context.server.settings().acl_file.empty()) return true;
  context.reply.error(
      "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the "
      "ACL "
      "SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in "
      "order "
      "to store users in the Redis configuration.");
  return false;
}

}  // namespace

void load(CommandContext& context) {
  if (!has_file(context)) return;
  std::vector<acl::UserLine> lines;
  const engine::Status status = read_users(context.server.settings().acl_file, &lines);
  std::string error = status.message();
  const bool has_default = std::any_of(
      lines.begin(), lines.end(), [](const acl::UserLine& line) { return line.name == acl::kDefaultUser; });
  // As at the start: of a default user that the file does not name 'requirepass' is the password.
  if (status.ok() && !has_default) {
    acl::UserLine line{context.server.settings().acl_file, std::string(acl::kDefaultUser), {}};
    const std::string rules =
        context.server.users().rules_by_password(context.server.settings().password.get());
    for (const std::string_view rule : acl::split_at_blanks(rules)) line.rules.emplace_back(rule);
    lines.push_back(std::move(line));
  }
  if (status.ok()) error = context.server.users().replace(lines, context.now_ms());
  if (!error.empty()) {
    return context.reply.error(
        "ERR " + error +
        ". WARNING: ACL errors detected, no change to the previously active ACL rules was "
        "performed");
  }
  reply_when_known(context, [](resp::ReplyWriter& reply) { reply.ok(); });
}

void save(CommandContext& context) {
  if (!has_file(context)) return;
  context.offload([&server = context.server]() -> CommandContext::Completion {
    const engine::Status status = write_users(server.settings().acl_file, server.users());
    if (!status.ok()) log_text(LogLevel::kWarning, "ACL SAVE: " + status.message());
    return [ok = status.ok()](resp::ReplyWriter& reply) {
      if (ok) return reply.ok();
      reply.error(
          "ERR There was an error trying to save the ACLs. Please check the server logs for more "
          "information");
    };
  });
}

}  // namespace starling::server::acl_command
