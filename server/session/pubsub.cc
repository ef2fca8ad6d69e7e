#include "server/session/pubsub.h"

#include <algorithm>

#include "resp/glob.h"
#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// One subscription: its name twice, among the client's and in the registry.
size_t memory_bytes(std::string_view name) {
  return 2 * name.size() + 160;
}

}  // namespace

size_t& PubSub::counter(Client& client, ChannelKind kind) {
  switch (kind) {
    case ChannelKind::kChannel:
      return client.subscriptions.channels;
    case ChannelKind::kPattern:
      return client.subscriptions.patterns;
    case ChannelKind::kShard:
      break;
  }
  return client.subscriptions.shard_channels;
}

bool PubSub::subscribe(Client& client, ChannelKind kind, std::string_view name) {
  std::lock_guard lock(mutex_);
  std::vector<std::string>& names = own_[client.id()].names[static_cast<size_t>(kind)];
  std::vector<Subscriber>& subscribers = registry(kind)[std::string(name)];
  const auto is_client = [&](const Subscriber& s) { return s.client_id == client.id(); };
  if (std::any_of(subscribers.begin(), subscribers.end(), is_client)) return false;
  names.emplace_back(name);
  subscribers.push_back({&client.io_thread(), client.id()});
  ++counter(client, kind);
  client.subscriptions.bytes += memory_bytes(name);
  ++total_;
  return true;
}

void PubSub::remove(Registry& registry, std::string_view name, uint64_t client_id) {
  const auto found = registry.find(std::string(name));
  if (found == registry.end()) return;
  std::erase_if(found->second,
                [&](const Subscriber& subscriber) { return subscriber.client_id == client_id; });
  if (found->second.empty()) registry.erase(found);
}

bool PubSub::unsubscribe(Client& client, ChannelKind kind, std::string_view name) {
  std::lock_guard lock(mutex_);
  const auto own = own_.find(client.id());
  if (own == own_.end()) return false;
  std::vector<std::string>& names = own->second.names[static_cast<size_t>(kind)];
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) return false;
  remove(registry(kind), name, client.id());
  names.erase(at);
  --counter(client, kind);
  client.subscriptions.bytes -= memory_bytes(name);
  --total_;
  return true;
}

std::vector<std::string> PubSub::subscriptions(const Client& client, ChannelKind kind) const {
  std::lock_guard lock(mutex_);
  const auto own = own_.find(client.id());
  if (own == own_.end()) return {};
  return own->second.names[static_cast<size_t>(kind)];
}

void PubSub::forget(Client& client) {
  std::lock_guard lock(mutex_);
  const auto own = own_.find(client.id());
  if (own == own_.end()) return;
  for (size_t kind = 0; kind < kChannelKinds; ++kind) {
    for (const std::string& name : own->second.names[kind]) remove(registries_[kind], name, client.id());
    total_ -= own->second.names[kind].size();
  }
  own_.erase(own);
  client.subscriptions = {};
}

void PubSub::send(const Subscriber& subscriber, const std::shared_ptr<const PubSubMessage>& message) {
  IoThread& io_thread = *subscriber.io_thread;
  if (io_thread.loop().in_loop_thread()) return io_thread.outbox().add(subscriber.client_id, message);
  io_thread.loop().post(
      [&io_thread, id = subscriber.client_id, message] { io_thread.outbox().add(id, message); });
}

size_t PubSub::publish(std::string_view channel, std::string_view text) {
  if (total_.load(std::memory_order_relaxed) == 0) return 0;
  std::lock_guard lock(mutex_);
  size_t receivers = 0;
  const auto send_to = [&](ChannelKind kind, std::string_view pattern,
                           const std::vector<Subscriber>& subscribers) {
    const auto message = std::make_shared<const PubSubMessage>(
        PubSubMessage{kind, std::string(pattern), std::string(channel), std::string(text)});
    for (const Subscriber& subscriber : subscribers) send(subscriber, message);
    receivers += subscribers.size();
  };
  const auto found = registry(ChannelKind::kChannel).find(std::string(channel));
  if (found != registry(ChannelKind::kChannel).end()) send_to(ChannelKind::kChannel, {}, found->second);
  for (const auto& [pattern, subscribers] : registry(ChannelKind::kPattern)) {
    if (resp::glob_match(pattern, channel)) send_to(ChannelKind::kPattern, pattern, subscribers);
  }
  return receivers;
}

size_t PubSub::publish_to_shard(std::string_view channel, std::string_view text) {
  std::lock_guard lock(mutex_);
  const auto found = registry(ChannelKind::kShard).find(std::string(channel));
  if (found == registry(ChannelKind::kShard).end()) return 0;
  const auto message = std::make_shared<const PubSubMessage>(
      PubSubMessage{ChannelKind::kShard, {}, std::string(channel), std::string(text)});
  for (const Subscriber& subscriber : found->second) send(subscriber, message);
  return found->second.size();
}

size_t PubSub::receivers(const Publication& publication) const {
  std::lock_guard lock(mutex_);
  const auto listeners = [&](ChannelKind kind) {
    const auto found = registry(kind).find(publication.channel);
    return found == registry(kind).end() ? 0 : found->second.size();
  };
  if (publication.to_shard) return listeners(ChannelKind::kShard);
  size_t count = listeners(ChannelKind::kChannel);
  for (const auto& [pattern, subscribers] : registry(ChannelKind::kPattern)) {
    if (resp::glob_match(pattern, publication.channel)) count += subscribers.size();
  }
  return count;
}

bool PubSub::wants(NotifyClass event_class) const {
  return (settings_.notify_events & event_class) != 0 && total_.load(std::memory_order_relaxed) != 0;
}

void PubSub::notify(NotifyClass event_class, std::string_view event, std::string_view key, int database) {
  if (!wants(event_class)) return;
  const uint32_t wanted = settings_.notify_events;
  const std::string number = std::to_string(database);
  if ((wanted & kNotifyKeyspace) != 0) {
    publish("__keyspace@" + number + "__:" + std::string(key), event);
  }
  if ((wanted & kNotifyKeyevent) != 0) {
    publish("__keyevent@" + number + "__:" + std::string(event), key);
  }
}

std::vector<std::string> PubSub::names(ChannelKind kind,
                                       const std::function<bool(std::string_view)>& matches) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const auto& [name, subscribers] : registry(kind)) {
    if (matches(name)) found.push_back(name);
  }
  return found;
}

size_t PubSub::subscriber_count(ChannelKind kind, std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = registry(kind).find(std::string(name));
  return found == registry(kind).end() ? 0 : found->second.size();
}

size_t PubSub::name_count(ChannelKind kind) const {
  std::lock_guard lock(mutex_);
  return registry(kind).size();
}

}  // namespace starling::server
