// AUTH, CLIENT, ECHO, HELLO, PING, QUIT, RESET, SELECT. CLIENT's subcommands are in client.cc.
#include <algorithm>
#include <string>
#include <utility>

#include "resp/number.h"
#include "server/commands/connection/handlers.h"
#include "server/io_thread.h"
#include "server/process/build_facts.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::connection {
namespace {

constexpr std::string_view kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

bool authenticate(CommandContext& context, std::string_view name, std::string_view password) {
  Server& server = context.server;
  Client& client = context.client;
  acl::Users::Ref user = server.users().find(name);
  // A user that is not there takes as long.
  if (acl::accepts(user != nullptr ? *user : acl::User{}, password)) {
    client.become(std::move(user));
    client.set_authenticated(true);
    return true;
  }
  const int64_t now_ms = client.io_thread().now_ms();
  server.auth_throttle().failed(client.address(), now_ms);
  server.denials().add({acl::Refused::kLogin, acl::Where::kTopLevel, std::string(context.argument(0)),
                        std::string(name), client.describe(now_ms)},
                       now_ms, static_cast<size_t>(server.settings().acl_log_entries.get()));
  return false;
}

}  // namespace

// The transaction may run at another node, for whoever the client was when it began; and guesses come one by one.
constexpr std::string_view kAuthInMulti = "ERR AUTH inside MULTI is not allowed";

void auth(CommandContext& context) {
  if (context.size() > 3) return context.reply.error("ERR syntax error");
  if (context.in_exec) return context.reply.error(kAuthInMulti);
  const acl::Users::Ref everybody = context.server.users().find(acl::kDefaultUser);
  if (context.size() == 2 && everybody->no_password) {
    return context.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  const std::string_view user = context.size() == 3 ? context.argument(1) : acl::kDefaultUser;
  if (!authenticate(context, user, context.argument(context.size() - 1)))
    return context.reply.error(kWrongPassword);
  context.reply.ok();
}

// All but the name of a user before a password.
void auth_secrets(Arguments arguments, std::vector<int>* positions) {
  const size_t first = arguments.size() == 3 ? 2 : 1;
  for (size_t i = first; i < arguments.size(); ++i) positions->push_back(static_cast<int>(i));
}

// The two words behind AUTH, and what stands where no word of an option should: a password with spaces in it, or one
// without its AUTH.
void hello_secrets(Arguments arguments, std::vector<int>* positions) {
  int64_t version = 0;
  size_t i = arguments.size() > 1 && resp::parse_integer(arguments[1], &version) ? 2 : 1;
  while (i < arguments.size()) {
    const bool names = equals_ignoring_case(arguments[i], "setname");
    const bool authenticates = equals_ignoring_case(arguments[i], "auth");
    const size_t next = i + (authenticates ? 3 : names ? 2 : 1);
    const size_t first = authenticates ? i + 1 : names ? next : i;
    for (size_t j = first; j < std::min(next, arguments.size()); ++j)
      positions->push_back(static_cast<int>(j));
    i = next;
  }
}

void echo(CommandContext& context) {
  context.reply.bulk(context.argument(1));
}

void ping(CommandContext& context) {
  if (context.size() > 2) {
    return context.reply.error("ERR wrong number of arguments for 'ping' command");
  }
  if (context.client.in_subscribe_mode()) {
    context.reply.array(2);
    context.reply.bulk("pong");
    context.reply.bulk(context.size() == 2 ? context.argument(1) : std::string_view());
  } else if (context.size() == 2) {
    context.reply.bulk(context.argument(1));
  } else {
    context.reply.simple_string("PONG");
  }
}

void quit(CommandContext& context) {
  context.reply.ok();
  context.client.io_thread().close_after_reply(context.client);
}

void reset(CommandContext& context) {
  Client& client = context.client;
  context.server.detach_client(client);
  client.discard_transaction(context.server.watches());
  client.database = 0;
  client.name.clear();
  client.no_evict = client.no_touch = false;
  client.reply_mode = ReplyMode::kOn;
  client.quorum.reset();
  client.reply.set_protocol(2);
  client.become(context.server.users().find(acl::kDefaultUser));
  client.set_authenticated(context.server.users().open());
  context.reply.simple_string("RESET");
}

void select(CommandContext& context) {
  int64_t index = 0;
  if (!resp::parse_integer(context.argument(1), &index)) {
    return context.reply.error("ERR value is not an integer or out of range");
  }
  if (index < INT32_MIN || index > INT32_MAX) {
    return context.reply.error("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (index < 0 || index >= context.server.settings().databases)
    return context.reply.error("ERR DB index is out of range");
  context.client.database = static_cast<int>(index);
  context.reply.ok();
}

namespace {

// True when all options were taken; else an error was answered.
bool take_hello_options(CommandContext& context) {
  for (size_t i = 2; i < context.size(); ++i) {
    const size_t following = context.size() - 1 - i;
    if (equals_ignoring_case(context.argument(i), "auth") && following >= 2) {
      if (context.in_exec) {
        context.reply.error(kAuthInMulti);
        return false;
      }
      if (!authenticate(context, context.argument(i + 1), context.argument(i + 2))) {
        context.reply.error(kWrongPassword);
        return false;
      }
      i += 2;
    } else if (equals_ignoring_case(context.argument(i), "setname") && following >= 1) {
      if (!client_command::set_client_name(context, context.argument(i + 1))) return false;
      i += 1;
    } else {
      context.reply.error("ERR Syntax error in HELLO option '" + std::string(context.argument(i)) + "'");
      return false;
    }
  }
  return true;
}

}  // namespace

void hello(CommandContext& context) {
  int64_t version = 0;
  if (context.size() >= 2) {
    if (!resp::parse_integer(context.argument(1), &version)) {
      return context.reply.error("ERR Protocol version is not an integer or out of range");
    }
    if (version < 2 || version > 3) return context.reply.error("NOPROTO unsupported protocol version");
  }
  if (!take_hello_options(context)) return;
  Client& client = context.client;
  if (!client.authenticated && !context.server.users().open()) {
    return context.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
        "<pass> option can be used to authenticate the client and select the RESP protocol version at the "
        "same time");
  }
  if (version != 0) client.reply.set_protocol(static_cast<int>(version));
  resp::ReplyWriter& reply = context.reply;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(reply.protocol());
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(client.id()));
  reply.bulk("mode");
  reply.bulk(context.server.settings().cluster_enabled ? "cluster" : "standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

}  // namespace starling::server::connection
