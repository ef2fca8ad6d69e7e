// Who listens to which channel, and the delivery of messages; keyspace notifications too.
//
// A client's subscriptions change on its own loop. Messages come from any thread, and go to their receivers'
// loops: see pubsub_outbox.h. What piles up at a slow subscriber is bounded by client-output-buffer-limit
// pubsub.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/server.h"
#include "server/session/pubsub_outbox.h"

namespace starling::server {

class PubSub final : public NotificationSink {
 public:
  explicit PubSub(const Settings& settings) : settings_(settings) {}

  // Called on the client's loop. True when that changed something; the client's counters are kept.
  bool subscribe(Client& client, ChannelKind kind, std::string_view name);
  bool unsubscribe(Client& client, ChannelKind kind, std::string_view name);
  // The client's subscriptions of a kind, in the order in which they were made.
  std::vector<std::string> subscriptions(const Client& client, ChannelKind kind) const;
  // All of them end, without replies: RESET, or the client goes.
  void forget(Client& client);

  // Any thread. Returns how many receive the message.
  size_t publish(std::string_view channel, std::string_view message);
  size_t publish_to_shard(std::string_view channel, std::string_view message);
  // How many would receive it now.
  size_t receivers(const Publication& publication) const;

  // NotificationSink.
  bool wants(NotifyClass event_class) const override;
  void notify(NotifyClass event_class, std::string_view event, std::string_view key, int database) override;

  // For PUBSUB. Names with at least one subscriber that `matches`.
  std::vector<std::string> names(ChannelKind kind,
                                 const std::function<bool(std::string_view)>& matches) const;
  size_t subscriber_count(ChannelKind kind, std::string_view name) const;
  size_t name_count(ChannelKind kind) const;

 private:
  struct Subscriber {
    IoThread* io_thread;
    uint64_t client_id;
  };
  using Registry = absl::flat_hash_map<std::string, std::vector<Subscriber>>;

  Registry& registry(ChannelKind kind) { return registries_[static_cast<size_t>(kind)]; }
  const Registry& registry(ChannelKind kind) const { return registries_[static_cast<size_t>(kind)]; }
  void remove(Registry& registry, std::string_view name, uint64_t client_id);
  static void send(const Subscriber& subscriber, const std::shared_ptr<const PubSubMessage>& message);
  static size_t& counter(Client& client, ChannelKind kind);

  const Settings& settings_;
  std::atomic<size_t> total_{0};  // Subscriptions of all kinds: without any, publishing costs nothing.
  mutable std::mutex mutex_;
  Registry registries_[kChannelKinds];
  struct Own {
    std::vector<std::string> names[kChannelKinds];
  };
  absl::flat_hash_map<uint64_t, Own> own_;  // By client id.
};

}  // namespace starling::server
