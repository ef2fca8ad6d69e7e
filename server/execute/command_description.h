// Replies that describe commands, in the form of COMMAND INFO and COMMAND DOCS.
#pragma once

#include "resp/reply_writer.h"
#include "server/execute/command_table.h"

namespace starling::server {

// The entry of one command, its subcommands' inside.
void write_command_information(const Command& command, resp::ReplyWriter& reply);

// The documentation of one command as a map, its subcommands' inside. Writes one value; the name that goes
// before it in COMMAND DOCS is the caller's.
void write_command_documentation(const Command& command, resp::ReplyWriter& reply);

// KeyUse bits as a set of names.
void write_key_use(uint16_t use, resp::ReplyWriter& reply);

}  // namespace starling::server
