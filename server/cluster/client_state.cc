#include "server/cluster/client_state.h"

#include <algorithm>

#include "server/session/client.h"
#include "server/session/pubsub.h"

namespace starling::server {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

ClientState::ClientState(const Client& client, const PubSub& pubsub)
    : database_(client.database),
      protocol_(client.reply.protocol()),
      reply_mode_(client.reply_mode),
      authenticated_(client.authenticated),
      no_evict_(client.no_evict),
      no_touch_(client.no_touch),
      name_(client.name),
      library_name_(client.library_name),
      library_version_(client.library_version),
      rights_(client.rights),
      quorum_(client.quorum),
      subscription_count_(client.subscriptions.total()) {
  if (!client.transaction.open || (client.transaction.flags & kPubSub) == 0) return;
  subscriptions_.emplace();
  for (size_t kind = 0; kind < kChannelKinds; ++kind)
    (*subscriptions_)[kind] = pubsub.subscriptions(client, static_cast<ChannelKind>(kind));
}

void ClientState::restore(Client& client, PubSub& pubsub) const {
  client.database = database_;
  client.reply.set_protocol(protocol_);
  client.reply_mode = reply_mode_;
  client.set_authenticated(authenticated_);
  client.rights = rights_;
  client.no_evict = no_evict_;
  client.no_touch = no_touch_;
  client.name = name_;
  client.library_name = library_name_;
  client.library_version = library_version_;
  client.quorum = quorum_;
  for (size_t i = 0; subscriptions_ && i < kChannelKinds; ++i) {
    const auto kind = static_cast<ChannelKind>(i);
    const std::vector<std::string>& before = (*subscriptions_)[i];
    for (const std::string& name : pubsub.subscriptions(client, kind)) {
      if (!contains(before, name)) pubsub.unsubscribe(client, kind, name);
    }
    for (const std::string& name : before) pubsub.subscribe(client, kind, name);
  }
}

}  // namespace starling::server
