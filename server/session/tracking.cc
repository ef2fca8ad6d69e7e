#include "server/session/tracking.h"

#include <algorithm>
#include <memory>

#include "server/cluster/cluster_thread.h"
#include "server/cluster/tracking_exchange.h"
#include "server/io_thread.h"
#include "server/process/thread_random.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

// Who adds a key to a table that is too large takes so many others out of it at most.
constexpr int kEvictionsAtOnce = 100;

// The client whose command runs on this thread, if it wants to hear nothing of what it changes itself; 0: none.
thread_local uint64_t changing_client = 0;

Tracker tracker_of(Client& client) {
  return {static_cast<uint32_t>(client.io_thread().index()), false, client.id()};
}

}  // namespace

Tracking::Changing::Changing(const Client& client) {
  if (client.tracking->options.no_loop) changing_client = client.id();
}

Tracking::Changing::~Changing() {
  changing_client = 0;
}

void Tracking::enable(Client& client, const TrackingOptions& options, size_t redirect_loop) {
  if (client.tracking == nullptr) {
    client.tracking = std::make_unique<ClientTracking>();
    clients_.fetch_add(1, std::memory_order_relaxed);
  }
  const std::vector<std::string> before = client.tracking->options.prefixes;
  apply_tracking(options, client.tracking.get());
  client.tracking->redirect_loop = redirect_loop;
  ClusterThread* const cluster = client.io_thread().cluster();
  for (const std::string& prefix : client.tracking->options.prefixes) {
    if (std::find(before.begin(), before.end(), prefix) != before.end()) continue;
    prefixes_.add(prefix, tracker_of(client));
    if (cluster != nullptr) cluster->tracking().add_prefix(prefix);
  }
}

void Tracking::disable(Client& client) {
  if (client.tracking == nullptr) return;
  ClusterThread* const cluster = client.io_thread().cluster();
  for (const std::string& prefix : client.tracking->options.prefixes) {
    prefixes_.remove(prefix, tracker_of(client));
    if (cluster != nullptr) cluster->tracking().remove_prefix(prefix);
  }
  client.tracking.reset();
  if (client.tunnel == nullptr) {
    clients_.fetch_sub(1, std::memory_order_relaxed);
  } else {
    // What it was to be told of nobody is any more.
    cluster->tracking().invalidate_origin(*client.tunnel, std::make_shared<const Invalidation>());
  }
}

void Tracking::follow(Client& client, bool remembers) {
  if (client.tracking == nullptr) {
    if (!remembers) return;
    client.tracking = std::make_unique<ClientTracking>();
    client.tracking->options.opt_in = true;
  }
  client.tracking->caching = remembers;
}

void Tracking::remember(Client& client, std::string_view key) {
  table_.add(key, tracker_of(client), [this](const Tracker& out, std::string_view name) { tell(out, name); });
  keep_bound();
}

void Tracking::remember_for_link(uint32_t loop, uint64_t link, std::string_view key) {
  table_.add(key, {loop, true, link}, [this](const Tracker& out, std::string_view name) { tell(out, name); });
  keep_bound();
}

void Tracking::doubt(Client& client, std::string_view key) {
  tell(tracker_of(client), key);
}

void Tracking::keep_bound() {
  const auto most = static_cast<size_t>(server_.settings().tracking_table_max_keys.get());
  if (most == 0) return;
  for (int i = 0; i < kEvictionsAtOnce && table_.keys() > most; ++i) {
    table_.take_any(thread_random().next(),
                    [this](const Tracker& tracker, std::string_view key) { tell(tracker, key); });
  }
}

void Tracking::tell(const Tracker& tracker, std::string_view key) {
  server_.io_threads()[tracker.loop]->invalidations().add(tracker, key);
}

// Reads first: one that is about to remember the key looks at them after it has.
void Tracking::changed_elsewhere(std::string_view key) {
  reads_.touched(0, key);
  table_.take(key, [this](const Tracker& tracker, std::string_view name) { tell(tracker, name); });
}

void Tracking::tell_changed(std::string_view key) {
  const uint64_t by = changing_client;
  table_.take(key, [this, by](const Tracker& tracker, std::string_view name) {
    if (tracker.is_link || tracker.id != by) tell(tracker, name);
  });
  if (prefixes_.size() == 0) return;
  prefixes_.match(key, [this, by, key](std::string_view prefix, uint32_t loop) {
    server_.io_threads()[loop]->invalidations().add_broadcast(prefix, key, by);
  });
}

void Tracking::flushed() {
  table_.clear();
  for (const auto& io_thread : server_.io_threads()) io_thread->invalidations().add_all();
}

TrackedRead::TrackedRead(Tracking& tracking, std::span<const engine::KeyRef> keys) : tracking_(tracking) {
  for (const engine::KeyRef& key : keys) {
    keys_.emplace_back(key.key.name);
    tracking_.reads_.watch(0, keys_.back(), true, state_);
  }
}

TrackedRead::~TrackedRead() {
  for (const std::string& key : keys_) tracking_.reads_.unwatch(0, key, state_.get());
}

}  // namespace starling::server
