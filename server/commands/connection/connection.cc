// AUTH, CLIENT, ECHO, HELLO, PING, QUIT, RESET, SELECT. CLIENT's subcommands are in client.cc.
#include <algorithm>
#include <string>

#include "resp/number.h"
#include "server/commands/connection/handlers.h"
#include "server/io_thread.h"
#include "server/process/build_facts.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::connection {
namespace {

constexpr std::string_view kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

// Takes as long for a near miss as for a far one.
bool equals_in_constant_time(std::string_view given, std::string_view expected) {
  unsigned difference = given.size() != expected.size();
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned char>(expected.empty() ? '\0' : expected[i % expected.size()]);
  }
  return difference == 0;
}

bool authenticate(CommandContext& context, std::string_view user, std::string_view password) {
  const std::string expected = context.server.settings().password.get();
  if (user != "default" || (!expected.empty() && !equals_in_constant_time(password, expected))) {
    context.server.auth_throttle().failed(context.client.address(), context.client.io_thread().now_ms());
    return false;
  }
  context.client.set_authenticated(true);
  return true;
}

}  // namespace

void auth(CommandContext& context) {
  if (context.size() > 3) return context.reply.error("ERR syntax error");
  if (context.size() == 2 && context.server.settings().password.empty()) {
    return context.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  const std::string_view user = context.size() == 3 ? context.argument(1) : "default";
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
  client.set_authenticated(context.server.settings().password.empty());
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
  if (!client.authenticated && !context.server.settings().password.empty()) {
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
