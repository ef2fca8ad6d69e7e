// What users' rules (server/acl/) need to know of commands: which there are, and what one with its arguments does.
#pragma once

#include <vector>

#include "server/acl/permission.h"
#include "server/acl/users.h"
#include "server/execute/command_table.h"

namespace starling::server {

// A command's number there is its id.
acl::Catalogue catalogue_of(const CommandTable& table);

// A command with its arguments, as a check wants it. Kept to be used again: what it has found takes memory.
class CommandUse {
 public:
  // The result refers to this, and to `arguments`.
  const acl::Use& of(const Command& command, Arguments arguments);

 private:
  std::vector<int> positions_;
  std::vector<acl::Use::Key> keys_;
  std::vector<acl::Use::Channel> channels_;
  acl::Use use_;
};

// As the client is told, behind its first word: see acl::text_of_refusal().
std::string refusal_text(const acl::Verdict& verdict, const acl::User& user, const Command& command,
                         Arguments arguments, bool detailed);

}  // namespace starling::server
