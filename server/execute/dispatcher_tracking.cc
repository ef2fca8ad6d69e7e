// What the dispatcher does for clients that track keys (../tracking/README.md). Others cost one comparison.
#include "server/cluster/quorum_read.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/tracking.h"

namespace starling::server {

Dispatcher::Outcome Dispatcher::dispatch_tracked(Client& client, PreparedRequest& prepared) {
  const Command* const command = prepared.command;
  Outcome outcome;
  {
    const Tracking::Changing changing(client);
    outcome = dispatch_one(client, prepared);
  }
  // CLIENT CACHING holds for the next command; a transaction is one.
  const bool keeps = command != nullptr && (command->spec->flags & kKeepsCaching) != 0;
  if (outcome == Outcome::kDone && client.tracking != nullptr && !keeps && !client.transaction.open)
    client.tracking->caching = false;
  // What it changed itself it is told behind its reply.
  if (io_thread_.invalidations().pending()) io_thread_.invalidations().deliver_keys();
  return outcome;
}

void Dispatcher::remember_keys(const CommandContext& context) {
  const CommandSpec& spec = context.spec;
  // Of a script, what its commands read.
  if ((spec.flags & kReadOnly) == 0 || (spec.flags & kPubSub) != 0 ||
      (spec.categories & kCatScripting) != 0 || !context.client.tracking->remembers())
    return;
  positions_.clear();
  if (!find_keys(spec, context.arguments, &positions_) || positions_.empty()) return;
  Tracking& tracking = server_.tracking();
  for (const int position : positions_)
    tracking.remember(context.client, context.arguments[static_cast<size_t>(position)]);
  // Other replicas were asked, and have told of a change before the keys were remembered, or will not tell of any.
  if (reading_ == nullptr || (reading_->tracked != nullptr && !reading_->tracked->overtaken())) return;
  for (const int position : positions_)
    tracking.doubt(context.client, context.arguments[static_cast<size_t>(position)]);
}

}  // namespace starling::server
