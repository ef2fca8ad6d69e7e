#include "server/cluster/tracking_exchange.h"

#include <algorithm>
#include <utility>

#include "cluster/wire/piece.h"
#include "server/cluster/tunnels.h"
#include "server/io_thread.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/tracking/tracking_frames.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeId;
using cluster::NodeIndex;

// The protocol's version from which on nodes tell each other of what is tracked.
constexpr uint32_t kTrackingVersion = 5;

}  // namespace

TrackingExchange::TrackingExchange(IoThread& io_thread, BusLinks& links)
    : io_thread_(io_thread), links_(links) {
  // Those who came while the data was loaded.
  io_thread.for_each_client([this](const Client& client) {
    if (client.tracking == nullptr) return;
    for (const std::string& prefix : client.tracking->options.prefixes) ++own_prefixes_[prefix];
  });
}

void TrackingExchange::send(const NodeId& peer, const std::string& payload, TrackedRead* read) {
  // Others would overtake it, the question about its keys among them.
  const bool large = payload.size() >= cluster::kLanePayloadBytes;
  if (large && read != nullptr) return read->give_up();
  // Who is not linked is not asked about the keys either.
  if (links_.send(peer, FrameKind::kTrack, 0, payload) || !links_.connected(peer)) return;
  if (read != nullptr) return read->give_up();
  prefixes_owed_.insert(peer);
}

std::shared_ptr<TrackedRead> TrackingExchange::begin_read(std::span<const engine::KeyRef> keys,
                                                          const cluster::Placement& placement) {
  auto read = std::make_shared<TrackedRead>(io_thread_.server().tracking(), keys);
  if (!all_understand()) {
    read->give_up();
    return read;
  }
  absl::flat_hash_map<NodeIndex, std::string> payloads;
  for (const engine::KeyRef& key : keys) {
    const std::span<const NodeIndex> replicas = placement.replicas(key.key.partition);
    const bool whole = std::all_of(replicas.begin(), replicas.end(), [&](NodeIndex node) {
      return node == placement.self || links_.connected(placement.id_of(node));
    });
    // Where a replica is missing others may stand in for it; while the ring changes more nodes hold the key.
    const bool everybody = !whole || placement.moving(key.key.partition);
    for (const NodeIndex node : everybody ? std::span<const NodeIndex>(placement.nodes()) : replicas) {
      if (node != placement.self) append_tracked(TrackedItem::kKey, key.key.name, &payloads[node]);
    }
  }
  for (const auto& [node, payload] : payloads) send(placement.id_of(node), payload, read.get());
  return read;
}

void TrackingExchange::add_prefix(std::string_view prefix) {
  if (++own_prefixes_[std::string(prefix)] > 1) return;
  std::string payload;
  append_tracked(TrackedItem::kPrefix, prefix, &payload);
  for (const auto& [peer, understands] : peers_) {
    if (understands) send(peer, payload, nullptr);
  }
}

void TrackingExchange::remove_prefix(std::string_view prefix) {
  const auto found = own_prefixes_.find(std::string(prefix));
  if (found == own_prefixes_.end() || --found->second != 0) return;
  own_prefixes_.erase(found);
  std::string payload;
  append_tracked(TrackedItem::kPrefixEnds, prefix, &payload);
  for (const auto& [peer, understands] : peers_) {
    if (understands) send(peer, payload, nullptr);
  }
}

void TrackingExchange::on_connected(const NodeId& peer) {
  const bool understands = links_.version_of(peer) >= kTrackingVersion;
  peers_[peer] = understands;
  strangers_ = static_cast<size_t>(
      std::count_if(peers_.begin(), peers_.end(), [](const auto& entry) { return !entry.second; }));
  if (!understands || own_prefixes_.empty()) return;
  std::string payload;
  for (const auto& [prefix, clients] : own_prefixes_) append_tracked(TrackedItem::kPrefix, prefix, &payload);
  send(peer, payload, nullptr);
}

void TrackingExchange::on_disconnected(const NodeId& peer) {
  peers_.erase(peer);
  prefixes_owed_.erase(peer);
  strangers_ = static_cast<size_t>(
      std::count_if(peers_.begin(), peers_.end(), [](const auto& entry) { return !entry.second; }));
  lose();
}

void TrackingExchange::lose() {
  io_thread_.server().tracking().overtake_reads();
  const auto everything = std::make_shared<const Invalidation>();
  io_thread_.for_each_client([&](Client& client) {
    if (client.tracking != nullptr) io_thread_.invalidations().tell_later(client, everything);
  });
}

void TrackingExchange::on_track(LinkId link, std::string_view payload) {
  if (!askers_.contains(link)) {
    std::vector<LinkId> gone;
    for (const auto& [known, prefixes] : askers_) {
      if (!links_.alive(known)) gone.push_back(known);
    }
    for (const LinkId known : gone) forget(known);
    askers_.try_emplace(link);
  }
  Tracking& tracking = io_thread_.server().tracking();
  const Tracker tracker{static_cast<uint32_t>(io_thread_.index()), true, link};
  (void)decode_tracked(payload, [&](TrackedItem item, std::string_view name) {
    switch (item) {
      case TrackedItem::kKey:
        return tracking.remember_for_link(tracker.loop, link, name);
      case TrackedItem::kPrefix:
        askers_[link].insert(std::string(name));
        return tracking.add_prefix(name, tracker);
      case TrackedItem::kPrefixEnds:
        askers_[link].erase(std::string(name));
        return tracking.remove_prefix(name, tracker);
    }
  });
}

void TrackingExchange::on_invalidate(std::string_view payload) {
  uint64_t origin;
  auto invalidation = std::make_shared<Invalidation>();
  if (!decode_invalidation(payload, &origin, invalidation.get())) return;
  if (origin != 0) {
    if (Client* const client = io_thread_.find_client(origin); client != nullptr)
      io_thread_.invalidations().tell_later(*client, invalidation);
    return;
  }
  if (invalidation->keys.empty()) return lose();
  if (!invalidation->broadcast) {
    for (const std::string& key : invalidation->keys) io_thread_.server().tracking().changed_elsewhere(key);
    return;
  }
  // It knows of the loop's prefixes, not of who has which.
  const auto index = static_cast<uint32_t>(io_thread_.index());
  for (const std::string& key : invalidation->keys) {
    io_thread_.server().tracking().prefixes().match(key, [&](std::string_view prefix, uint32_t loop) {
      if (loop == index)
        io_thread_.invalidations().add_broadcast(prefix, key, 0, Invalidations::Of::kClients);
    });
  }
}

void TrackingExchange::forget(LinkId link) {
  const auto found = askers_.find(link);
  if (found == askers_.end()) return;
  const Tracker tracker{static_cast<uint32_t>(io_thread_.index()), true, link};
  for (const std::string& prefix : found->second)
    io_thread_.server().tracking().remove_prefix(prefix, tracker);
  askers_.erase(found);
}

void TrackingExchange::invalidate(LinkId link, uint64_t origin, const Invalidation& invalidation) {
  if (links_.reply(link, FrameKind::kInvalidate, 0, encode_invalidation(origin, invalidation))) return;
  if (links_.alive(link)) {
    owed_.insert(link);
  } else {
    forget(link);
  }
}

void TrackingExchange::invalidate_origin(const Tunnel& tunnel,
                                         const std::shared_ptr<const Invalidation>& invalidation) {
  if (tunnel.link() != kOwnLink) return invalidate(tunnel.link(), tunnel.origin(), *invalidation);
  if (Client* const client = io_thread_.find_client(tunnel.origin()); client != nullptr)
    io_thread_.invalidations().tell_later(*client, invalidation);
}

void TrackingExchange::invalidate_all_links() {
  std::vector<LinkId> links;
  for (const auto& [link, prefixes] : askers_) links.push_back(link);
  for (const LinkId link : links) invalidate(link, 0, {});
}

void TrackingExchange::send_owed() {
  // A full link has room again, or is cut. Once more is no harm.
  if (!prefixes_owed_.empty()) {
    for (const NodeId& peer : std::exchange(prefixes_owed_, {})) on_connected(peer);
  }
  if (owed_.empty()) return;
  for (const LinkId link : std::exchange(owed_, {})) invalidate(link, 0, {});
}

}  // namespace starling::server
