// Anti-entropy of this node: compares what it holds with each other replica in turn, on a schedule
// ('repair-interval') and by CLUSTER REPAIR, and brings the records that differ both ways. See
// cluster/README.md, "Anti-entropy"; what is compared and how is cluster/repair/anti_entropy.h.
//
// Asks one peer at a time; while the ring changes (repair_handoff.cc), of what is to be brought here, a few stretches
// of partitions at once. Answers every peer, so many questions of each at once. The first loop's thread only, but for
// report().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/handoff/receiving.h"
#include "cluster/repair/anti_entropy.h"
#include "cluster/topology/placement.h"
#include "cluster/wire/frame.h"
#include "server/cluster/range_dropper.h"
#include "server/cluster/settler.h"
#include "server/cluster/version_sums.h"
#include "server/net/event_loop.h"

namespace starling::server {

class ClusterThread;
class Server;

struct RepairReport {
  struct Peer {
    cluster::NodeId id;
    int64_t last_exchange_ms = -1;  // How long ago the last complete one ended; -1: there was none.
    int64_t duration_ms = 0;
    cluster::ExchangeFigures figures;  // Of the last one, complete or not.
    std::string outcome;               // "ok", or why it ended.
  };
  bool running = false;
  uint64_t rounds = 0;  // In which every reachable peer was asked.
  // Since the start, asking and answering.
  uint64_t messages = 0, bytes = 0;
  uint64_t differences = 0;
  uint64_t records_sent = 0, records_failed = 0;
  uint64_t partitions_in_doubt = 0, partitions_scanned = 0;
  // Of what was found at the last look at each partition; 0: there is none that could go.
  int64_t oldest_tombstone_s = 0;
  cluster::SiblingCounts siblings{};  // As of the same look.
  // Absent, but something of them stays until their partition is settled here (again).
  uint64_t guarded_keys = 0;
  // Of a change of the ring: comparisons of a partition with a node, done and in all.
  size_t handoff_compared = 0, handoff_total = 0;
  // Records of partitions that others hold now, removed since the start; and partitions of which there may be some
  // left.
  uint64_t ring_forgotten = 0;
  size_t ring_to_forget = 0;
  SettleReport settle;
  std::vector<Peer> peers;
};

// The report in the words of CLUSTER INFO and INFO, field by field.
void visit_fields(const RepairReport& report,
                  const std::function<void(std::string_view name, const std::string& value)>& visit);

class Repair final : private cluster::ReceivingHost {
 public:
  struct Hooks {
    std::function<std::shared_ptr<const cluster::Placement>()> placement;
    std::function<bool(const cluster::NodeId&)> healthy;
    std::function<bool(const cluster::NodeId&)> down;
    // As in settler.h.
    std::function<void(uint64_t number, std::function<void()> done)> mark;
    std::function<void(uint64_t number, std::function<void(cluster::PartitionSet)> done)> busy;
    std::function<void(const cluster::PartitionSet& equal)> compared;
    // This node keeps changes for others that nobody else may have.
    std::function<bool()> keeps_hints;
    // The topology that all loops serve by.
    std::function<cluster::Epoch()> served_epoch;
  };

  // `thread` is the first loop's.
  Repair(Server& server, ClusterThread& thread, Hooks hooks);

  // Begins a round over everything now, or when the one under way is done.
  void request();
  // This node was away: the log tells when it has what the others have.
  void catch_up() {
    caught_up_ = false;
    round_whole_ = false;  // The one under way has begun before.
  }
  // Before anybody serves by it.
  void before_placement(const cluster::Placement& next) { dropper_.keep(next); }
  // A kTree or kTreeReply frame.
  void receive(const cluster::NodeId& peer, cluster::FrameKind kind, uint64_t correlation,
               std::string_view payload);
  void peer_lost(const cluster::NodeId& peer);
  void peer_connected(const cluster::NodeId& peer) { settler_.on_connected(peer); }

  // The loops have ended: what was computed is left to the next start.
  void remember_sums();

  // The epoch of the step of a change of the ring in which this node has done its part: it was brought everything
  // that will be its own (cluster/handoff/handoff.h), and if it leaves, nobody depends on what it keeps. 0: it has
  // not, or there is none.
  cluster::Epoch received() const { return receiving_.received(); }
  // Records of partitions that are others' now are being removed, or it has not been looked for any yet.
  bool drops() const {
    return hooks_.placement() != receiving_.placement() || dropper_.partitions_left() != 0;
  }

  // Any thread.
  RepairReport report() const;

 private:
  // A comparison with a peer.
  struct Asking {
    cluster::NodeId peer;
    cluster::Exchange exchange;
    int64_t began_us;
    uint64_t stretch;         // Of a change of the ring (receiving.h): which it is. 0: it is a round's.
    int64_t deadline_us = 0;  // Of the answer awaited; 0: none is.
    uint64_t correlation = 0;
  };
  struct Push;
  using Listed = std::function<void(engine::Status, std::vector<cluster::VersionEntry>, cluster::Position)>;

  void on_tick();
  void begin_round(bool urgent);
  void ask_next();
  // --- Of a change of the ring.
  void follow_ring();
  // As many as may be at once. False: none is under way now.
  bool ask_for_handoff();
  void note_brought(const Asking& asking);
  bool down(cluster::NodeIndex node) const override;
  bool reachable(cluster::NodeIndex node) const override;
  bool keeps_hints() const override { return hooks_.keeps_hints(); }
  cluster::Epoch served_epoch() const override { return hooks_.served_epoch(); }
  void compute_unshared();
  void ask(const cluster::NodeId& peer, const cluster::PartitionSet& included, bool urgent, uint64_t stretch);
  // By the number of the comparison.
  void perform(uint64_t number, cluster::Exchange::Action action);
  void finish(uint64_t number, const std::string& outcome);
  void note_finished(const Asking& asking, const std::string& outcome);
  void note_caught_up();
  void publish();

  void answer(const cluster::NodeId& peer, uint64_t correlation, std::string_view payload);
  void answer_sums(const cluster::NodeId& peer, uint64_t correlation, const cluster::SumsRequest& request);
  void answer_list(const cluster::NodeId& peer, uint64_t correlation, cluster::ListRequest request);
  void compare(const cluster::NodeId& peer, uint64_t correlation, cluster::ListRequest request,
               std::vector<cluster::VersionEntry> mine, cluster::Position until, engine::Stamp settled);
  void reply(const cluster::NodeId& peer, uint64_t correlation, const std::string& payload);

  // Partitions that this node and the member both hold.
  static cluster::PartitionSet common(const cluster::Placement& placement, const cluster::NodeId& peer);
  // What is here of the partition in [from, until), or the beginning of it.
  void list(uint16_t partition, cluster::Position from, cluster::Position until, Listed done);
  // Brings records to the peer; `done` gets how many could not be brought.
  void push(const cluster::NodeId& peer, cluster::KeyNames keys, std::function<void(uint64_t failed)> done);
  void continue_push(const std::shared_ptr<Push>& push);

  Server& server_;
  ClusterThread& thread_;
  const Hooks hooks_;
  VersionSums sums_;
  Settler settler_;
  RangeDropper dropper_;
  Timer tick_timer_;

  bool requested_ = false;
  bool in_round_ = false;
  bool urgent_ = false;  // The round under way.
  // Of it: all other members were compared with, and what this node lacked was brought; how many keys that were.
  bool round_whole_ = true;
  uint64_t round_differences_ = 0;
  bool caught_up_ = false;  // Since the node came back.
  int64_t next_round_us_ = 0;
  std::deque<cluster::NodeId> to_ask_;
  bool sums_asked_for_ = false;        // In this round, of the partitions that no other node holds.
  std::map<uint64_t, Asking> asking_;  // By number.
  cluster::Receiving receiving_{*this, cluster::ReceivingSettings{}};
  uint64_t handoff_keys_ = 0;     // That differed.
  uint64_t exchange_number_ = 0;  // The last one.
  uint64_t next_correlation_ = 1;
  absl::flat_hash_map<cluster::NodeId, size_t> answering_;  // How many questions of each.

  struct PeerState {
    RepairReport::Peer report;
    int64_t ended_us = 0;
  };
  mutable std::mutex mutex_;  // Guards what follows.
  RepairReport report_;
  absl::flat_hash_map<cluster::NodeId, PeerState> peers_;
};

}  // namespace starling::server
