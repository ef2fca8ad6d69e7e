// What users may do, asked before each command: at the dispatcher's gate, in EXEC, in scripts, and at the node that a
// command was forwarded to.
#include <memory>
#include <string>
#include <utility>

#include "server/execute/dispatcher.h"
#include "server/execute/rights.h"
#include "server/io_thread.h"
#include "server/replica_of/follower_role.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Of a key or channel that was refused, in the log of refusals.
constexpr size_t kShownBytes = 1024;

}  // namespace

bool Dispatcher::look_up_user(Client& client) {
  ClientRights& rights = client.rights;
  const uint64_t generation = server_.users().generation();
  if (rights.looked_in == generation) return true;
  if (FollowerRole::of_process().is_leader(client.id())) {
    rights.free_in = rights.looked_in = generation;
    return true;
  }
  if (client.tunnel != nullptr) {
    const std::string name(rights.asked_elsewhere ? std::string_view() : client.user_name());
    follow_user(client, name);
    return true;
  }
  acl::Users::Ref now = server_.users().now(*rights.user);
  if (now == nullptr) {
    io_thread_.close(client);
    return false;
  }
  rights = {std::move(now), generation};
  if (rights.user->allows_everything()) rights.free_in = generation;
  return true;
}

// Who is not known here was made while this node was away: it may do nothing until the node is told. And what the
// default user may where its client is connected, it may here only if this node's users say so: the other one may
// have been away.
void Dispatcher::follow_user(Client& client, std::string_view name) {
  const uint64_t generation = server_.users().generation();
  ClientRights& rights = client.rights;
  const std::string_view wanted = name.empty() ? acl::kDefaultUser : name;
  if (rights.looked_in == generation &&
      (rights.asked_elsewhere ? name.empty() : client.user_name() == wanted))
    return;
  acl::Users::Ref user = server_.users().find(wanted);
  if (name.empty() && user->allows_everything()) {
    rights = {nullptr, generation, generation, true};
    return;
  }
  if (user == nullptr) {
    acl::User unknown;
    unknown.name = name;
    user = std::make_shared<const acl::User>(std::move(unknown));
  }
  rights = {std::move(user), generation};
}

acl::Verdict Dispatcher::judge(Client& client, const Command& command, Arguments arguments) {
  if (client.rights.free_in == server_.users().generation()) [[likely]]
    return {};
  if (!look_up_user(client)) return {acl::Refused::kCommand, 0};
  if (client.rights.free_in == client.rights.looked_in) return {};
  return acl::check(*client.rights.user, use_->of(command, arguments));
}

bool Dispatcher::may_run(Client& client, const Command& command, Arguments arguments) {
  return judge(client, command, arguments).allowed();
}

acl::Verdict Dispatcher::verdict_on(Client& client, const Command& command, Arguments arguments,
                                    acl::Where where) {
  const acl::Verdict verdict = judge(client, command, arguments);
  if (verdict.allowed()) [[likely]]
    return verdict;
  const bool of_command = verdict.refused == acl::Refused::kCommand;
  const int64_t now_ms = io_thread_.now_ms();
  server_.denials().add(
      {verdict.refused, where,
       of_command ? command.full_name : std::string(arguments[verdict.argument].substr(0, kShownBytes)),
       std::string(client.user_name()), client.describe(now_ms)},
      now_ms, static_cast<size_t>(server_.settings().acl_log_entries.get()));
  return verdict;
}

bool Dispatcher::may_read_every_key(Client& client, const Command& command, Arguments arguments) {
  if (client.rights.free_in == server_.users().generation()) return true;
  if (!look_up_user(client)) return false;
  return client.rights.free_in == client.rights.looked_in ||
         acl::may_read_every_key(*client.rights.user, use_->of(command, arguments));
}

bool Dispatcher::refuse_by_rights(Client& client, const Command& command, Arguments arguments) {
  // What stands around a forwarded transaction is the nodes' own, and what is in it EXEC asks about.
  if (client.tunnel != nullptr &&
      ((command.spec->categories & kCatTransaction) != 0 || client.transaction.open))
    return false;
  const acl::Where where = client.transaction.open ? acl::Where::kTransaction : acl::Where::kTopLevel;
  const acl::Verdict verdict = verdict_on(client, command, arguments, where);
  if (verdict.allowed()) return false;
  reject(client, &command, "NOPERM " + refusal_text(verdict, *client.rights.user, command, arguments, false));
  return true;
}

}  // namespace starling::server
