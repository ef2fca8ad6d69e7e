// The handlers of ACL, and what else its declarations refer to.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server::acl_command {

// users.cc
void set_user(CommandContext& context);
void get_user(CommandContext& context);
void delete_user(CommandContext& context);
void list(CommandContext& context);
void users(CommandContext& context);
void who_am_i(CommandContext& context);
// The rules of SETUSER, among which are passwords.
void rule_secrets(Arguments arguments, std::vector<int>* positions);
// Of DRYRUN: the command that is tried may be one that takes a password.
void tried_arguments(Arguments arguments, std::vector<int>* positions);

// files.cc
void load(CommandContext& context);
void save(CommandContext& context);

// reports.cc
void categories(CommandContext& context);
void generate_password(CommandContext& context);
void dry_run(CommandContext& context);
void log(CommandContext& context);
void help(CommandContext& context);

// changes.cc: replies, with `write`, once all nodes that can be reached know how users are now, and all clients have
// been looked at whom that has to do with.
void reply_when_known(CommandContext& context, PendingReply::Completion write);

}  // namespace starling::server::acl_command
