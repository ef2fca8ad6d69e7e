// CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO: what a connection is told of the keys that it keeps copies of.
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/connection/handlers.h"
#include "server/commands/connection/tracking_options.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/tracking.h"

namespace starling::server::client_command {
namespace {

constexpr std::string_view kNoSuchClient = "ERR The client ID you want redirect to does not exist";

// In a cluster another node may run what was queued.
bool refused_in_transaction(CommandContext& context) {
  if (!context.in_exec || context.client.io_thread().cluster() == nullptr) return false;
  context.reply.error("ERR in a cluster a transaction cannot change what its client tracks");
  return true;
}

void switch_on(Server& server, Client& client, const TrackingOptions& options, size_t redirect_loop,
               resp::ReplyWriter& reply) {
  if (const std::string error = tracking_refusal(client.tracking.get(), options); !error.empty())
    return reply.error(error);
  server.tracking().enable(client, options, redirect_loop);
  reply.ok();
}

bool has_client(IoThread& io_thread, uint64_t id) {
  const Client* const client = io_thread.find_client(id);
  return client != nullptr && !client->closing && client->tunnel == nullptr;
}

// Finds the client that is to be told, on whichever loop it is, and then goes on.
void switch_on_with_redirection(CommandContext& context, TrackingOptions options) {
  Server& server = context.server;
  IoThread& here = context.client.io_thread();
  if (has_client(here, options.redirect))
    return switch_on(server, context.client, options, static_cast<size_t>(here.index()), context.reply);
  if (server.io_threads().size() == 1) return context.reply.error(kNoSuchClient);
  if (context.in_exec) {
    return context.reply.error(
        "ERR a command about all clients cannot run inside a transaction with io-threads above 1");
  }
  constexpr int kNone = -1;
  const auto loop = std::make_shared<std::atomic<int>>(kNone);
  const PendingReply pending = context.suspend();
  server.on_every_loop(
      here,
      [loop, id = options.redirect](IoThread& io_thread) {
        if (has_client(io_thread, id)) loop->store(io_thread.index());
      },
      [&server, &here, loop, pending, options = std::move(options)] {
        pending.complete([&server, &here, loop, options, id = pending.client_id()](resp::ReplyWriter& reply) {
          const int found = loop->load();
          if (found == kNone) return reply.error(kNoSuchClient);
          switch_on(server, *here.find_client(id), options, static_cast<size_t>(found), reply);
        });
      });
}

}  // namespace

void tracking(CommandContext& context) {
  if (refused_in_transaction(context)) return;
  TrackingOptions options;
  if (const std::string error = parse_tracking_options(context.arguments, 3, &options); !error.empty())
    return context.reply.error(error);
  if (equals_ignoring_case(context.argument(2), "on")) {
    if (options.redirect != 0) return switch_on_with_redirection(context, std::move(options));
    return switch_on(context.server, context.client, options, 0, context.reply);
  }
  if (!equals_ignoring_case(context.argument(2), "off")) return context.reply.error("ERR syntax error");
  context.server.tracking().disable(context.client);
  context.reply.ok();
}

void caching(CommandContext& context) {
  if (refused_in_transaction(context)) return;
  ClientTracking* const tracking = context.client.tracking.get();
  if (tracking == nullptr) {
    return context.reply.error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode "
        "enabled");
  }
  if (equals_ignoring_case(context.argument(2), "yes")) {
    if (!tracking->options.opt_in) {
      return context.reply.error(
          "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (equals_ignoring_case(context.argument(2), "no")) {
    if (!tracking->options.opt_out) {
      return context.reply.error(
          "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return context.reply.error("ERR syntax error");
  }
  tracking->caching = true;
  context.reply.ok();
}

void get_redirection(CommandContext& context) {
  context.reply.integer(context.client.redirection());
}

void tracking_info(CommandContext& context) {
  const ClientTracking* const tracking = context.client.tracking.get();
  const ClientTracking none;
  const ClientTracking& shown = tracking != nullptr ? *tracking : none;
  const TrackingOptions& options = shown.options;
  std::vector<std::string_view> flags = {tracking != nullptr ? "on" : "off"};
  if (options.broadcast) flags.push_back("bcast");
  if (options.opt_in) flags.push_back("optin");
  if (options.opt_in && shown.caching) flags.push_back("caching-yes");
  if (options.opt_out) flags.push_back("optout");
  if (options.opt_out && shown.caching) flags.push_back("caching-no");
  if (options.no_loop) flags.push_back("noloop");
  if (shown.redirect_broken) flags.push_back("broken_redirect");
  context.reply.map(3);
  context.reply.bulk("flags");
  context.reply.set(flags.size());
  for (const std::string_view flag : flags) context.reply.bulk(flag);
  context.reply.bulk("redirect");
  context.reply.integer(context.client.redirection());
  context.reply.bulk("prefixes");
  context.reply.array(options.prefixes.size());
  for (const std::string& prefix : options.prefixes) context.reply.bulk(prefix);
}

}  // namespace starling::server::client_command
