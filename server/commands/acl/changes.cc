// What every change of users ends with.
#include <functional>
#include <string>
#include <utility>

#include "server/cluster/user_telling.h"
#include "server/commands/acl/handlers.h"
#include "server/execute/user_file.h"
#include "server/execute/user_sweep.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::acl_command {

namespace {

void reply_of_cluster(size_t silent, const PendingReply::Completion& write, resp::ReplyWriter& reply) {
  if (silent == 0) return write(reply);
  reply.error("ERR the users are changed, but " + std::to_string(silent) +
              " nodes have not said in time that they have it on disk; they are told until they do");
}

// Here, on the disk, and at all nodes that can be reached; then the clients of this node are looked at, and `done`.
void tell_cluster(Server& server, uint64_t asking_client,
                  std::function<void(size_t silent, bool asker_goes)> done) {
  keep_users(server, [&server, asking_client, done = std::move(done)](bool kept) {
    UserTelling::of_process().tell([&server, asking_client, done, kept](size_t silent_peers) {
      const size_t silent = silent_peers + (kept ? 0 : 1);
      sweep_users(server, *server.io_threads().front(), asking_client,
                  [done, silent](bool asker_goes) { done(silent, asker_goes); });
    });
  });
}

}  // namespace

void reply_when_known(CommandContext& context, PendingReply::Completion write) {
  Server& server = context.server;
  Client& client = context.client;
  IoThread& here = client.io_thread();
  const uint64_t id = client.id();
  const auto close_asker = [&here, id](bool asker_goes) {
    Client* const asker = here.find_client(id);
    if (asker_goes && asker != nullptr && asker->tunnel == nullptr) here.close_after_reply(*asker);
  };
  const bool alone = server.cluster() == nullptr;
  // A transaction waits for nobody: other loops and nodes hear of it a moment later.
  if (context.in_exec || (alone && server.io_threads().size() == 1)) {
    write(context.reply);
    if (!alone) keep_users(server, [](bool) {});
    return sweep_users(server, here, id, close_asker);
  }
  const auto answer = [close_asker, write = std::move(write), pending = context.suspend()](size_t silent,
                                                                                           bool asker_goes) {
    pending.complete([close_asker, write, silent, asker_goes](resp::ReplyWriter& reply) {
      reply_of_cluster(silent, write, reply);
      close_asker(asker_goes);
    });
  };
  if (!alone) return tell_cluster(server, id, answer);
  sweep_users(server, here, id, [answer](bool asker_goes) { answer(0, asker_goes); });
}

}  // namespace starling::server::acl_command
