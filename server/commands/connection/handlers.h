// The handlers of the commands on the connection, and what else their declarations refer to.
#pragma once

#include <string_view>
#include <vector>

#include "server/execute/command.h"

namespace starling::server::connection {

// connection.cc
void auth(CommandContext& context);
void auth_secrets(Arguments arguments, std::vector<int>* positions);
void hello_secrets(Arguments arguments, std::vector<int>* positions);
void echo(CommandContext& context);
void ping(CommandContext& context);
void quit(CommandContext& context);
void reset(CommandContext& context);
void select(CommandContext& context);
void hello(CommandContext& context);

}  // namespace starling::server::connection

namespace starling::server::client_command {

// Names the connection, also for HELLO. False: that is no name; an error was replied.
[[nodiscard]] bool set_client_name(CommandContext& context, std::string_view name);

// client.cc
void list(CommandContext& context);
void info(CommandContext& context);
void kill(CommandContext& context);
void get_name(CommandContext& context);
void set_name(CommandContext& context);
void set_info(CommandContext& context);
void id(CommandContext& context);
void pause(CommandContext& context);
void unpause(CommandContext& context);
void reply(CommandContext& context);
void no_evict(CommandContext& context);
void no_touch(CommandContext& context);
void unblock(CommandContext& context);
void help(CommandContext& context);

// tracking.cc
void tracking(CommandContext& context);
void caching(CommandContext& context);
void get_redirection(CommandContext& context);
void tracking_info(CommandContext& context);

}  // namespace starling::server::client_command
