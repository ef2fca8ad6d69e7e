// ACL, as far as it shows and changes users.
#include <string>
#include <vector>

#include "server/commands/acl/handlers.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::acl_command {

void set_user(CommandContext& context) {
  const std::string error =
      context.server.users().set(context.argument(2), context.arguments.subspan(3), context.now_ms());
  if (!error.empty()) return context.reply.error("ERR " + error);
  reply_when_known(context, [](resp::ReplyWriter& reply) { reply.ok(); });
}

void delete_user(CommandContext& context) {
  const Arguments names = context.arguments.subspan(2);
  for (const std::string_view name : names) {
    if (name == acl::kDefaultUser) return context.reply.error("ERR The 'default' user cannot be removed");
  }
  const size_t count = context.server.users().remove(names, context.now_ms());
  reply_when_known(context,
                   [count](resp::ReplyWriter& reply) { reply.integer(static_cast<int64_t>(count)); });
}

namespace {

void write_selector(const acl::Selector& selector, resp::ReplyWriter& reply) {
  reply.bulk("commands");
  reply.bulk(acl::describe_commands(selector));
  reply.bulk("keys");
  reply.bulk(acl::describe_keys(selector));
  reply.bulk("channels");
  reply.bulk(acl::describe_channels(selector));
}

}  // namespace

void get_user(CommandContext& context) {
  const acl::Users::Ref user = context.server.users().find(context.argument(2));
  if (user == nullptr) return context.reply.null();
  resp::ReplyWriter& reply = context.reply;
  reply.map(6);
  reply.bulk("flags");
  const std::vector<std::string_view> flags = acl::flags_of(*user);
  reply.set(flags.size());
  for (const std::string_view flag : flags) reply.bulk(flag);
  reply.bulk("passwords");
  reply.array(user->passwords.size());
  for (const std::string& hash : user->passwords) reply.bulk(hash);
  write_selector(user->selectors.front(), reply);
  reply.bulk("selectors");
  reply.array(user->selectors.size() - 1);
  for (size_t i = 1; i < user->selectors.size(); ++i) {
    reply.map(3);
    write_selector(user->selectors[i], reply);
  }
}

void list(CommandContext& context) {
  const std::vector<acl::Users::Ref> all = context.server.users().all();
  context.reply.array(all.size());
  for (const acl::Users::Ref& user : all)
    context.reply.bulk("user " + user->name + " " + acl::describe_rules(*user));
}

void users(CommandContext& context) {
  const std::vector<acl::Users::Ref> all = context.server.users().all();
  context.reply.array(all.size());
  for (const acl::Users::Ref& user : all) context.reply.bulk(user->name);
}

void who_am_i(CommandContext& context) {
  context.reply.bulk(context.client.user_name());
}

void tried_arguments(Arguments arguments, std::vector<int>* positions) {
  for (size_t i = 4; i < arguments.size(); ++i) positions->push_back(static_cast<int>(i));
}

void rule_secrets(Arguments arguments, std::vector<int>* positions) {
  for (size_t i = 2; i < arguments.size(); ++i) positions->push_back(static_cast<int>(i));
}

}  // namespace starling::server::acl_command
