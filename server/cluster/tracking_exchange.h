// One loop's part in client-side caching across nodes (../tracking/README.md): asks other nodes to tell of changes, and
// tells them of those here.
//
// Both ways the frames go over the link on which the asking loop asks everything else: what it asks about a key it asks
// behind `track`, so no answer is older than that. What a link should have brought and did not, because it broke or was
// full, is made up for by telling that all keys may have changed.
//
// Its loop's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "cluster/topology/placement.h"
#include "engine/core/operation.h"
#include "server/bus/bus_links.h"
#include "server/session/tracking.h"
#include "server/tracking/invalidation.h"

namespace starling::server {

class IoThread;
class Tunnel;

class TrackingExchange {
 public:
  TrackingExchange(IoThread& io_thread, BusLinks& links);

  // --- For clients of this loop.
  // Other replicas are about to be asked about the keys, which the client may keep copies of: they tell of their
  // changes from now on.
  std::shared_ptr<TrackedRead> begin_read(std::span<const engine::KeyRef> keys,
                                          const cluster::Placement& placement);
  // All nodes that are linked know how to tell. Where one does not, nobody is relied on (a rolling update).
  bool all_understand() const { return strangers_ == 0; }
  // Clients of this loop want to be told by prefix, or no more of them do.
  void add_prefix(std::string_view prefix);
  void remove_prefix(std::string_view prefix);

  // --- For ClusterThread.
  void on_connected(const cluster::NodeId& peer);
  // It tells of nothing more, and what it told last may be lost.
  void on_disconnected(const cluster::NodeId& peer);
  // Other nodes hold keys now.
  void on_placement() { lose(); }
  void on_track(LinkId link, std::string_view payload);
  void on_invalidate(std::string_view payload);
  // At the end of a pass.
  void send_owed();

  // --- For Invalidations.
  // `origin`: as in tracking_frames.h.
  void invalidate(LinkId link, uint64_t origin, const Invalidation& invalidation);
  void invalidate_origin(const Tunnel& tunnel, const std::shared_ptr<const Invalidation>& invalidation);
  void invalidate_all_links();

 private:
  // This loop's clients are told that any key may have changed.
  void lose();
  void send(const cluster::NodeId& peer, const std::string& payload, TrackedRead* read);
  void forget(LinkId link);

  IoThread& io_thread_;
  BusLinks& links_;
  // Nodes that are linked, and those of them that do not know how to tell.
  absl::flat_hash_map<cluster::NodeId, bool> peers_;
  size_t strangers_ = 0;
  absl::flat_hash_map<std::string, size_t> own_prefixes_;  // To the number of clients.
  // Of links that have asked: what by prefix.
  absl::flat_hash_map<LinkId, absl::flat_hash_set<std::string>> askers_;
  // That had no room for something.
  absl::flat_hash_set<LinkId> owed_;
  std::set<cluster::NodeId> prefixes_owed_;  // Whose links had no room when they were to hear of prefixes.
};

}  // namespace starling::server
