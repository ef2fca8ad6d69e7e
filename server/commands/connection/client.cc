// CLIENT: what a connection may say and ask about itself and, through every loop, about the others.

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/expiry_hold.h"
#include "resp/number.h"
#include "server/commands/connection/client_filter.h"
#include "server/commands/connection/handlers.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::client_command {
namespace {

constexpr std::string_view kSyntaxError = "ERR syntax error";

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// What a command over all clients gathers, loop by loop.
struct Gathering {
  std::mutex mutex;
  std::vector<std::pair<uint64_t, std::string>> lines;  // By client id.
  int64_t count = 0;
  bool includes_asker = false;
};

// Runs `visit` for all loops, then answers by `finish`. `gathering` is shared by them.
void ask_all_loops(CommandContext& context, const std::function<void(IoThread&, Gathering&)>& visit,
                   const std::function<void(resp::ReplyWriter&, Gathering&)>& finish) {
  auto gathering = std::make_shared<Gathering>();
  IoThread& here = context.client.io_thread();
  if (context.server.io_threads().size() == 1) {
    visit(here, *gathering);
    return finish(context.reply, *gathering);
  }
  if (context.in_exec) {
    return context.reply.error(
        "ERR a command about all clients cannot run inside a transaction with io-threads above 1");
  }
  const PendingReply pending = context.suspend();
  context.server.on_every_loop(
      here,
      [gathering, visit](IoThread& io_thread) {
        std::lock_guard lock(gathering->mutex);
        visit(io_thread, *gathering);
      },
      [gathering, finish, pending] {
        pending.complete([gathering, finish](resp::ReplyWriter& reply) { finish(reply, *gathering); });
      });
}

// What its line says of the command that asks for it, which the client itself does not know.
struct Running {
  size_t request_bytes = 0;  // As it came: an array of bulk strings.
  size_t argument_bytes = 0;
};

Running running_of(const CommandContext& context) {
  const auto header_bytes = [](size_t number) { return std::to_string(number).size() + 3; };
  Running running;
  running.request_bytes = header_bytes(context.size());
  for (size_t i = 0; i < context.size(); ++i) {
    const size_t bytes = context.argument(i).size();
    running.argument_bytes += bytes;
    running.request_bytes += header_bytes(bytes) + bytes + 2;
  }
  return running;
}

// Adds to a field of the line.
void add_to_field(std::string_view name, size_t bytes, std::string* line) {
  const std::string before = " " + std::string(name) + "=";
  const size_t at = line->find(before);
  if (at == std::string::npos) return;
  const size_t begin = at + before.size(), end = line->find(' ', begin);
  int64_t number = 0;
  (void)resp::parse_integer(std::string_view(*line).substr(begin, end - begin), &number);
  line->replace(begin, end - begin, std::to_string(number + static_cast<int64_t>(bytes)));
}

std::string own_line(const Client& client, int64_t now_ms, const Running& running) {
  std::string line = client.describe(now_ms);
  add_to_field("qbuf", running.request_bytes, &line);
  add_to_field("argv-mem", running.argument_bytes, &line);
  return line;
}

}  // namespace

void list(CommandContext& context) {
  ClientFilter filter;
  if (context.size() == 4 && equals_ignoring_case(context.argument(2), "type")) {
    filter.type = client_type_by_name(context.argument(3));
    if (!filter.type) {
      return context.reply.error("ERR Unknown client type '" + std::string(context.argument(3)) + "'");
    }
  } else if (context.size() > 3 && equals_ignoring_case(context.argument(2), "id")) {
    for (size_t i = 3; i < context.size(); ++i) {
      int64_t id = 0;
      if (!resp::parse_integer(context.argument(i), &id)) return context.reply.error("ERR Invalid client ID");
      filter.ids.push_back(static_cast<uint64_t>(id));
    }
  } else if (context.size() != 2) {
    return context.reply.error(kSyntaxError);
  }
  // What it is answered with needs room before the others' lines come.
  (void)context.client.output.reserve(1);
  ask_all_loops(
      context,
      [filter, now_ms = context.now_ms(), own = context.client.id(), running = running_of(context)](
          IoThread& io_thread, Gathering& gathering) {
        io_thread.for_each_client([&](Client& client) {
          if (!filter.matches(client)) return;
          gathering.lines.emplace_back(
              client.id(), client.id() == own ? own_line(client, now_ms, running) : client.describe(now_ms));
        });
      },
      [](resp::ReplyWriter& reply, Gathering& gathering) {
        std::sort(gathering.lines.begin(), gathering.lines.end());
        std::string text;
        for (const auto& [id, line] : gathering.lines) text += line + "\n";
        reply.verbatim("txt", text);
      });
}

void info(CommandContext& context) {
  (void)context.client.output.reserve(1);
  context.reply.verbatim("txt", own_line(context.client, context.now_ms(), running_of(context)) + "\n");
}

namespace {

// Parses KILL's options. False: an error was answered.
bool parse_kill_options(CommandContext& context, ClientFilter* filter) {
  bool skip_me = true;
  for (size_t i = 2; i < context.size(); i += 2) {
    const std::string_view option = context.argument(i);
    if (i + 1 == context.size()) {
      context.reply.error(kSyntaxError);
      return false;
    }
    const std::string_view value = context.argument(i + 1);
    if (equals_ignoring_case(option, "id")) {
      int64_t id = 0;
      if (!resp::parse_integer(value, &id) || id < 1) {
        context.reply.error("ERR client-id should be greater than 0");
        return false;
      }
      filter->ids = {static_cast<uint64_t>(id)};
    } else if (equals_ignoring_case(option, "type")) {
      filter->type = client_type_by_name(value);
      if (!filter->type) {
        context.reply.error("ERR Unknown client type '" + std::string(value) + "'");
        return false;
      }
    } else if (equals_ignoring_case(option, "addr")) {
      filter->address = std::string(value);
    } else if (equals_ignoring_case(option, "laddr")) {
      filter->local_address = std::string(value);
    } else if (equals_ignoring_case(option, "user")) {
      if (context.server.users().find(value) == nullptr) {
        context.reply.error("ERR No such user '" + std::string(value) + "'");
        return false;
      }
      filter->user = std::string(value);
    } else if (equals_ignoring_case(option, "skipme") && equals_ignoring_case(value, "yes")) {
      skip_me = true;
    } else if (equals_ignoring_case(option, "skipme") && equals_ignoring_case(value, "no")) {
      skip_me = false;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  if (skip_me) filter->except_id = context.client.id();
  return true;
}

}  // namespace

void kill(CommandContext& context) {
  ClientFilter filter;
  const bool old_form = context.size() == 3;
  if (old_form) {
    filter.address = std::string(context.argument(2));
  } else if (!parse_kill_options(context, &filter)) {
    return;
  }
  const uint64_t self = context.client.id();
  ask_all_loops(
      context,
      [filter, self](IoThread& io_thread, Gathering& gathering) {
        io_thread.for_each_client([&](Client& client) {
          if (!filter.matches(client)) return;
          ++gathering.count;
          if (client.id() == self) {
            gathering.includes_asker = true;
          } else {
            io_thread.close(client);
          }
        });
      },
      [old_form, self, &here = context.client.io_thread()](resp::ReplyWriter& reply, Gathering& gathering) {
        Client* asker = here.find_client(self);
        if (gathering.includes_asker && asker != nullptr) here.close_after_reply(*asker);
        if (!old_form) {
          reply.integer(gathering.count);
        } else if (gathering.count == 0) {
          reply.error("ERR No such client");
        } else {
          reply.ok();
        }
      });
}

void get_name(CommandContext& context) {
  if (context.client.name.empty()) {
    context.reply.null();
  } else {
    context.reply.bulk(context.client.name);
  }
}

bool set_client_name(CommandContext& context, std::string_view name) {
  if (!is_printable(name)) {
    context.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  context.client.name = name;
  return true;
}

void set_name(CommandContext& context) {
  if (set_client_name(context, context.argument(2))) context.reply.ok();
}

void set_info(CommandContext& context) {
  const std::string_view option = context.argument(2);
  std::string* field = nullptr;
  if (equals_ignoring_case(option, "lib-name")) field = &context.client.library_name;
  if (equals_ignoring_case(option, "lib-ver")) field = &context.client.library_version;
  if (field == nullptr) return context.reply.error("ERR Unrecognized option '" + std::string(option) + "'");
  if (!is_printable(context.argument(3))) {
    return context.reply.error("ERR " + std::string(option) +
                               " cannot contain spaces, newlines or special characters.");
  }
  *field = context.argument(3);
  context.reply.ok();
}

void id(CommandContext& context) {
  context.reply.integer(static_cast<int64_t>(context.client.id()));
}

namespace {

// A pause and the hold of expiry begin and end together, whichever loops are told to.
std::mutex pause_and_hold;

void answer_wrong_arguments(CommandContext& context) {
  context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                      std::string(context.argument(1)) + "'. Try CLIENT HELP.");
}

}  // namespace

void pause(CommandContext& context) {
  ClientPause::Scope scope = ClientPause::Scope::kEverything;
  if (context.size() > 4) {
    return answer_wrong_arguments(context);
  }
  if (context.size() == 4) {
    if (equals_ignoring_case(context.argument(3), "write")) {
      scope = ClientPause::Scope::kWrites;
    } else if (!equals_ignoring_case(context.argument(3), "all")) {
      return context.reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  }
  int64_t timeout_ms = 0;
  if (!resp::parse_integer(context.argument(2), &timeout_ms)) {
    return context.reply.error("ERR timeout is not an integer or out of range");
  }
  if (timeout_ms < 0) return context.reply.error("ERR timeout is negative");
  const int64_t now_ms = context.now_ms();
  if (timeout_ms > ClientPause::kLatestEndMs - now_ms)
    return context.reply.error("ERR timeout is out of range");
  {
    std::lock_guard lock(pause_and_hold);
    context.server.pause().start(scope, now_ms, now_ms + timeout_ms);
    engine::hold_expiry(context.server.engine(), now_ms + timeout_ms);
  }
  context.reply.ok();
}

void unpause(CommandContext& context) {
  {
    std::lock_guard lock(pause_and_hold);
    engine::hold_expiry(context.server.engine(), 0);
    context.server.pause().stop();
  }
  for (const auto& io_thread : context.server.io_threads()) {
    io_thread->loop().post([&io_thread] { io_thread->retry_postponed(); });
  }
  context.reply.ok();
}

void reply(CommandContext& context) {
  Client& client = context.client;
  const std::string_view mode = context.argument(2);
  if (equals_ignoring_case(mode, "on")) {
    client.reply_mode = ReplyMode::kOn;
    context.reply.ok();
  } else if (equals_ignoring_case(mode, "off")) {
    client.reply_mode = ReplyMode::kOff;
  } else if (equals_ignoring_case(mode, "skip")) {
    if (client.reply_mode != ReplyMode::kOff) client.reply_mode = ReplyMode::kSkipNext;
  } else {
    context.reply.error(kSyntaxError);
  }
}

namespace {

void set_switch(CommandContext& context, bool Client::*field) {
  if (equals_ignoring_case(context.argument(2), "on")) {
    context.client.*field = true;
  } else if (equals_ignoring_case(context.argument(2), "off")) {
    context.client.*field = false;
  } else {
    return context.reply.error(kSyntaxError);
  }
  context.reply.ok();
}

}  // namespace

void no_evict(CommandContext& context) {
  set_switch(context, &Client::no_evict);
}
void no_touch(CommandContext& context) {
  set_switch(context, &Client::no_touch);
}

void unblock(CommandContext& context) {
  if (context.size() > 4) {
    return answer_wrong_arguments(context);
  }
  WaitEnd how = WaitEnd::kTimeOut;
  if (context.size() == 4) {
    const std::string_view reason = context.argument(3);
    if (equals_ignoring_case(reason, "error")) {
      how = WaitEnd::kError;
    } else if (!equals_ignoring_case(reason, "timeout")) {
      return context.reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
  }
  int64_t target = 0;
  if (!resp::parse_integer(context.argument(2), &target)) {
    return context.reply.error("ERR value is not an integer or out of range");
  }
  ask_all_loops(
      context,
      [target, how](IoThread& io_thread, Gathering& gathering) {
        Client* client = io_thread.find_client(static_cast<uint64_t>(target));
        if (client == nullptr || client->closing || client->tunnel != nullptr) return;
        gathering.count += io_thread.blocked().unblock(*client, how) ? 1 : 0;
      },
      [](resp::ReplyWriter& reply, Gathering& gathering) { reply.integer(gathering.count); });
}

void help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CACHING (YES|NO)",
      "    Whether the keys that the next command reads are tracked, where tracking is OPTIN or OPTOUT.",
      "GETNAME",
      "    The name of this connection.",
      "GETREDIR",
      "    The client that invalidations are redirected to; -1 without tracking.",
      "ID",
      "    The number of this connection.",
      "INFO",
      "    What the server knows about this connection.",
      "KILL <ip:port>",
      "    Closes the connection from that address.",
      "KILL <option> <value> [<option> <value> [...]]",
      "    Closes the connections that match all of: ID <id>, ADDR <ip:port>, LADDR <ip:port>,",
      "    TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <name>, SKIPME (YES|NO).",
      "LIST [TYPE <type> | ID <id> [<id> ...]]",
      "    What the server knows about all, or those, connections.",
      "NO-EVICT (ON|OFF)",
      "    Protects this connection when connections are closed to save memory.",
      "NO-TOUCH (ON|OFF)",
      "    Keeps this connection's reads from making keys look used.",
      "PAUSE <timeout> [WRITE|ALL]",
      "    Holds all commands, or those that write, back for so many milliseconds.",
      "REPLY (ON|OFF|SKIP)",
      "    Whether this connection gets replies.",
      "SETINFO (LIB-NAME|LIB-VER) <value>",
      "    Tells the server which client library this is.",
      "SETNAME <name>",
      "    Names this connection.",
      "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
      "    Whether this connection is told when keys change that it has read, or that begin with the "
      "prefixes.",
      "TRACKINGINFO",
      "    The state of tracking for this connection.",
      "UNBLOCK <clientid> [TIMEOUT|ERROR]",
      "    Ends the wait of a blocked client.",
      "UNPAUSE",
      "    Ends a pause.",
      "HELP",
      "    Prints this help.",
  };
  context.reply.array(std::size(kLines));
  for (const std::string_view line : kLines) context.reply.simple_string(line);
}

}  // namespace starling::server::client_command
