// What every change of users ends with.
#include <utility>

#include "server/commands/acl/handlers.h"
#include "server/execute/user_sweep.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::acl_command {

void reply_when_swept(CommandContext& context, PendingReply::Completion write) {
  Server& server = context.server;
  Client& client = context.client;
  IoThread& here = client.io_thread();
  const uint64_t id = client.id();
  const auto close_asker = [&here, id](bool asker_goes) {
    Client* const asker = here.find_client(id);
    if (asker_goes && asker != nullptr && asker->tunnel == nullptr) here.close_after_reply(*asker);
  };
  // A transaction does not wait for the other loops.
  if (context.in_exec || server.io_threads().size() == 1) {
    write(context.reply);
    return sweep_users(server, here, id, close_asker);
  }
  sweep_users(server, here, id,
              [close_asker, write = std::move(write), pending = context.suspend()](bool asker_goes) {
                pending.complete([close_asker, write, asker_goes](resp::ReplyWriter& reply) {
                  write(reply);
                  close_asker(asker_goes);
                });
              });
}

}  // namespace starling::server::acl_command
