#include "server/session/invalidations.h"

#include <utility>

#include "server/cluster/cluster_thread.h"
#include "server/cluster/tracking_exchange.h"
#include "server/execute/blocked_clients.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/tracking.h"

namespace starling::server {

// The mutex is held.
void Invalidations::note_pending() {
  if (pending_.exchange(true)) return;
  // Its own pass ends with a look; another's thread has to bring one about.
  if (!io_thread_.loop().in_loop_thread()) io_thread_.loop().post([] {});
}

void Invalidations::add(const Tracker& tracker, std::string_view key) {
  std::lock_guard lock(mutex_);
  waiting_.push_back({tracker, std::string(key)});
  note_pending();
}

void Invalidations::add_broadcast(std::string_view prefix, std::string_view key, uint64_t by, Of of) {
  std::lock_guard lock(mutex_);
  const auto [at, first] = broadcasts_[std::string(prefix)].try_emplace(std::string(key));
  Change& change = at->second;
  // Of several clients' changes each of those wants to hear.
  change.by = first || change.by == by ? by : 0;
  change.here |= of == Of::kEverybody;
  note_pending();
}

void Invalidations::add_all() {
  std::lock_guard lock(mutex_);
  all_ = true;
  note_pending();
}

void Invalidations::deliver(bool by_prefix) {
  std::vector<Changed> waiting;
  absl::btree_map<std::string, Keys> broadcasts;
  bool all;
  {
    std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
    if (by_prefix) broadcasts.swap(broadcasts_);
    all = std::exchange(all_, false);
    // What is left for the end of the round is not forgotten.
    if (broadcasts_.empty()) pending_.store(false, std::memory_order_relaxed);
  }
  deliver_late();
  if (all) tell_all();
  for (Changed& each : waiting) {
    const auto invalidation =
        std::make_shared<const Invalidation>(Invalidation{false, {std::move(each.key)}});
    if (each.tracker.is_link) {
      io_thread_.cluster()->tracking().invalidate(each.tracker.id, 0, *invalidation);
    } else if (Client* client = io_thread_.find_client(each.tracker.id); client != nullptr) {
      tell(*client, invalidation);
    }
  }
  for (const auto& [prefix, keys] : broadcasts) tell_broadcast(prefix, keys);
}

void Invalidations::deliver_late() {
  if (late_.empty()) return;
  for (const auto& [id, invalidation] : std::exchange(late_, {})) {
    if (Client* client = io_thread_.find_client(id); client != nullptr) tell(*client, invalidation);
  }
}

void Invalidations::tell_all() {
  const auto everything = std::make_shared<const Invalidation>();
  io_thread_.for_each_client([&](Client& client) {
    if (client.tracking != nullptr) tell(client, everything);
  });
  if (ClusterThread* cluster = io_thread_.cluster(); cluster != nullptr)
    cluster->tracking().invalidate_all_links();
}

void Invalidations::tell_broadcast(std::string_view prefix, const Keys& keys) {
  auto everything = std::make_shared<Invalidation>(Invalidation{true, {}});
  auto from_here = std::make_shared<Invalidation>(Invalidation{true, {}});
  for (const auto& [key, change] : keys) {
    everything->keys.push_back(key);
    if (change.here) from_here->keys.push_back(key);
  }
  const auto index = static_cast<uint32_t>(io_thread_.index());
  for (const Tracker& tracker : io_thread_.server().tracking().prefixes().trackers(prefix, index)) {
    if (tracker.is_link) {
      if (!from_here->keys.empty()) io_thread_.cluster()->tracking().invalidate(tracker.id, 0, *from_here);
      continue;
    }
    Client* const client = io_thread_.find_client(tracker.id);
    if (client == nullptr || client->tracking == nullptr) continue;
    if (!client->tracking->options.no_loop) {
      tell(*client, everything);
      continue;
    }
    auto others = std::make_shared<Invalidation>(Invalidation{true, {}});
    for (const auto& [key, change] : keys) {
      if (change.by != client->id()) others->keys.push_back(key);
    }
    if (!others->keys.empty()) tell(*client, others);
  }
}

void Invalidations::tell_later(const Client& client, Shared invalidation) {
  late_.emplace_back(client.id(), std::move(invalidation));
  // This may be the end of a pass.
  io_thread_.loop().post([] {});
}

void Invalidations::tell(Client& client, const Shared& invalidation) {
  if (client.closing || client.tracking == nullptr) return;
  const ClientTracking& tracking = *client.tracking;
  if (!invalidation->keys.empty() && invalidation->broadcast != tracking.options.broadcast) return;
  // Where what it reads has no place in the output yet it comes first (XREAD that waits at another node).
  const bool waits_elsewhere = client.blocked_command != nullptr && client.blocked_command->forward != 0 &&
                               (client.last_command->spec->flags & kReadOnly) != 0;
  if (client.waiting == Waiting::kForAnswer || waits_elsewhere) {
    late_.emplace_back(client.id(), invalidation);
    return;
  }
  if (client.tunnel != nullptr)
    return io_thread_.cluster()->tracking().invalidate_origin(*client.tunnel, invalidation);
  if (tracking.options.redirect != 0) return tell_redirected(client, invalidation);
  // Who speaks RESP2 has no way to be told.
  if (client.reply.protocol() >= 3) write(client, *invalidation, false);
}

void Invalidations::write(Client& client, const Invalidation& invalidation, bool as_message) {
  write_invalidation(invalidation, as_message, client.reply);
  io_thread_.output_pending(client);
}

void Invalidations::tell_redirected(Client& client, const Shared& invalidation) {
  const size_t loop = client.tracking->redirect_loop;
  const uint64_t target = client.tracking->options.redirect;
  const auto source_loop = static_cast<size_t>(io_thread_.index());
  IoThread& there = *io_thread_.server().io_threads()[loop];
  if (&there == &io_thread_) return deliver_to(there, target, source_loop, client.id(), invalidation);
  there.loop().post([&there, target, source_loop, source = client.id(), invalidation] {
    deliver_to(there, target, source_loop, source, invalidation);
  });
}

void Invalidations::deliver_to(IoThread& io_thread, uint64_t target, size_t source_loop, uint64_t source,
                               const Shared& invalidation) {
  Client* const client = io_thread.find_client(target);
  if (client == nullptr || client->closing) {
    IoThread& origin = *io_thread.server().io_threads()[source_loop];
    if (&origin == &io_thread) return io_thread.invalidations().note_broken(source, target);
    origin.loop().post([&origin, source, target] { origin.invalidations().note_broken(source, target); });
    return;
  }
  if (client->reply.protocol() >= 3) return io_thread.invalidations().write(*client, *invalidation, false);
  if (client->subscriptions.total() != 0) io_thread.invalidations().write(*client, *invalidation, true);
}

void Invalidations::note_broken(uint64_t client_id, uint64_t target) {
  Client* const client = io_thread_.find_client(client_id);
  if (client == nullptr || client->closing || client->tracking == nullptr ||
      client->tracking->options.redirect != target)
    return;
  client->tracking->redirect_broken = true;
  if (client->reply.protocol() < 3) return;
  client->reply.push(2);
  client->reply.bulk("tracking-redir-broken");
  client->reply.integer(static_cast<int64_t>(target));
  io_thread_.output_pending(*client);
}

}  // namespace starling::server
