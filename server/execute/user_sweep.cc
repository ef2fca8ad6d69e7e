#include "server/execute/user_sweep.h"

#include <atomic>
#include <memory>
#include <utility>

#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/pubsub.h"

namespace starling::server {
namespace {

bool may_go_on(Server& server, const Client& client) {
  const acl::Users::Ref user = server.users().now(*client.rights.user);
  if (user == nullptr) return false;
  if (client.subscriptions.total() == 0 || user->allows_everything()) return true;
  for (size_t i = 0; i < kChannelKinds; ++i) {
    const auto kind = static_cast<ChannelKind>(i);
    for (const std::string& name : server.pubsub().subscriptions(client, kind)) {
      if (!acl::may_listen(*user, name, kind == ChannelKind::kPattern)) return false;
    }
  }
  return true;
}

// Whether the asking client is one of those that go.
bool sweep_loop(IoThread& io_thread, uint64_t asking_client) {
  bool asker_goes = false;
  io_thread.for_each_client([&](Client& client) {
    if (client.tunnel != nullptr || may_go_on(io_thread.server(), client)) return;
    if (client.id() == asking_client) {
      asker_goes = true;
    } else {
      io_thread.close(client);
    }
  });
  return asker_goes;
}

}  // namespace

void sweep_users(Server& server, IoThread& asking, uint64_t asking_client,
                 std::function<void(bool asker_goes)> done) {
  if (server.io_threads().size() == 1) return done(sweep_loop(asking, asking_client));
  auto asker_goes = std::make_shared<std::atomic<bool>>(false);
  server.on_every_loop(
      asking,
      [asker_goes, asking_client](IoThread& io_thread) {
        if (sweep_loop(io_thread, asking_client)) *asker_goes = true;
      },
      [asker_goes, done = std::move(done)] { done(*asker_goes); });
}

}  // namespace starling::server
