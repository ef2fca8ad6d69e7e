// What commands change about the client that sends them, beside keys: a transaction that is tried and taken back
// must leave none of it behind. See cluster/README.md, "Writes that depend on what they read".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/data/quorum.h"
#include "server/session/client_rights.h"
#include "server/session/pubsub_outbox.h"

namespace starling::server {

class Client;
class PubSub;
enum class ReplyMode : uint8_t;

class ClientState {
 public:
  // As it is now. On the client's loop, as restore() is.
  ClientState(const Client& client, const PubSub& pubsub);
  // Puts it back; what comes for a channel meanwhile goes by the subscriptions of the moment.
  void restore(Client& client, PubSub& pubsub) const;

  // So many channels and patterns.
  size_t subscription_count() const { return subscription_count_; }

 private:
  int database_, protocol_;
  ReplyMode reply_mode_;
  bool authenticated_, no_evict_, no_touch_;
  std::string name_, library_name_, library_version_;
  ClientRights rights_;
  std::optional<cluster::QuorumOptions> quorum_;
  size_t subscription_count_;
  // Empty: nothing changes them.
  std::optional<std::array<std::vector<std::string>, kChannelKinds>> subscriptions_;
};

}  // namespace starling::server
