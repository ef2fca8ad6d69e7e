// This node as a member of its cluster: who it is, whom it knows, which topology it serves by. See README.md.
//
// The control part (gossip, forming, topology, hints) runs on the first loop. The loops' ClusterThreads ask
// it for what it has published: the placement, and who is healthy.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/data/attempt_actor.h"
#include "cluster/data/ordered_changes.h"
#include "cluster/data/refused_attempts.h"
#include "cluster/data/undecided_keys.h"
#include "cluster/membership/membership.h"
#include "cluster/topology/placement.h"
#include "cluster/topology/transition_driver.h"
#include "engine/base/status.h"
#include "server/bus/bus_links.h"
#include "server/bus/bus_listener.h"
#include "server/cluster/cluster_file.h"
#include "server/cluster/hint_delivery.h"
#include "server/cluster/hint_keeper.h"
#include "server/cluster/life_signs.h"
#include "server/cluster/operation_table.h"
#include "server/cluster/peer_addresses.h"
#include "server/cluster/repair.h"
#include "server/cluster/topology_keeper.h"
#include "server/net/event_loop.h"
#include "server/process/thread_random.h"

namespace starling::server {

class ClusterThread;
class Server;
struct ClockReport;

// Of all loops, since the start.
struct ClusterTotals {
  uint64_t forwards = 0, forwards_lost = 0, forwards_repeated = 0, forwards_late = 0, fan_outs = 0,
           writes_shipped = 0, writes_failed = 0, quorum_reads = 0, reads_failed = 0, newer_fetched = 0,
           read_repairs = 0, gaps = 0, writes_overruled = 0, writes_refused = 0;
  size_t bytes_under_way = 0;  // Now: of changes that replicas have not all answered.
};

// A change of the ring, as this node sees it.
struct RingReport {
  cluster::TransitionPhase phase = cluster::TransitionPhase::kNone;
  std::string waiting_for;  // Empty: nothing.
  size_t compared = 0,
         total = 0;        // Of this node's own: partitions, once for each node they are brought from.
  uint64_t forgotten = 0;  // Records of partitions that others hold now, removed here since the start.
  size_t to_forget = 0;    // Partitions of which there may be some left.
};

class ClusterNode {
 public:
  explicit ClusterNode(Server& server);
  ~ClusterNode();

  // Reads what is remembered, gives every loop its part and opens the bus port. The loops are not running
  // yet. Not ok: what failed.
  engine::Status open();

  // All loops have ended, the engine is still there.
  void on_stopped() {
    life_signs_.reset();
    if (repair_ != nullptr) repair_->remember_sums();
  }

  // --- Any thread.
  const cluster::NodeId& id() const { return id_; }
  uint64_t placement_version() const { return placement_version_.load(std::memory_order_acquire); }
  // Null until the cluster has formed.
  std::shared_ptr<const cluster::Placement> placement() const;
  bool healthy(cluster::NodeIndex index) const {
    return healthy_[index].load(std::memory_order_relaxed) &&
           !leaving_[index].load(std::memory_order_relaxed);
  }
  // Whether others should coordinate in its place, as it has said.
  bool stands_back(cluster::NodeIndex index) const {
    return stands_back_[index].load(std::memory_order_relaxed);
  }
  // Takes part in requests, and is not to stand back.
  bool coordinates(cluster::NodeIndex index) const { return healthy(index) && !stands_back(index); }
  // What happens to the partition's keys by itself, on each of their replicas, is told by this one: by the node that
  // runs commands on them now. True also while there is no cluster yet.
  bool tells_of(uint16_t partition) const;
  // It knows what time it is. Until then nothing is begun here.
  bool knows_time() const { return knows_time_.load(std::memory_order_relaxed); }
  // By which what other nodes send is judged. Before it knows what time it is, a time at which nothing has
  // expired since the node last ran.
  int64_t now_ms() const;
  cluster::Introduction introduction() const;
  // For one that was a member and is none any more, the topology that says so; empty: it is not such a one.
  std::string topology_without(const cluster::NodeId& peer) const;
  // What keeps the cluster from forming, and which nodes and seeds cannot be reached, and why. Empty: nothing.
  std::string waiting_for() const;
  // As gossip last saw it: copies, for reports.
  std::vector<cluster::MemberView> members() const;
  cluster::GossipFigures gossip_figures() const;
  ClockReport clocks() const;
  ClusterTotals totals() const;
  HintReport hint_report() const { return hints_.report(); }
  int64_t hint_age_seconds(const HintReport::Target& target) const;
  // Else its hints wait for it to come back.
  bool delivers_hints_to(const cluster::NodeId& id) const;
  size_t hints_waiting(const cluster::NodeId& target) const { return hints_.waiting(target); }
  // Compares this node with all other replicas, now. False: it keeps its records in memory only, where
  // eviction is loss, so there is nothing to compare.
  bool start_repair();
  RepairReport repair_report() const { return repair_ == nullptr ? RepairReport() : repair_->report(); }

  // Changes the ring (cluster/topology/transition.h), as soon as it can be. Any thread.
  void change_ring(cluster::RingChange change);
  // Back to the ring as it was, as long as that can be. Any thread.
  void abort_ring_change();
  RingReport ring_report() const;

  // Looks for nodes at this bus address, too, until this process ends.
  void meet(const cluster::BusAddress& address);
  const std::shared_ptr<OperationTable>& operations() const { return operations_; }
  // This node stops: the others are told, and what is under way is finished. `done` on the first loop; it
  // takes a few seconds at most. The first loop's thread.
  void leave(std::function<void()> done);

  // --- From the loops' parts.
  // The node stops of its own accord: it gets nothing more.
  void on_leaving(const cluster::NodeId& peer);
  void on_connected(ClusterThread& thread, const cluster::Introduction& peer);
  void on_disconnected(ClusterThread& thread, const cluster::NodeId& peer);
  // Anything has come from the node, on whichever loop.
  void on_heard(const cluster::NodeId& peer, bool answers);
  void on_unreachable(const cluster::NodeId& peer);
  int64_t monotonic_us() const;
  void on_control_frame(ClusterThread& thread, const cluster::NodeId& peer, LinkId link,
                        cluster::FrameKind kind, uint64_t correlation, std::string_view payload);
  HintKeeper& hints() { return hints_; }
  // Of all loops.
  cluster::UndecidedKeys& undecided() { return undecided_; }
  cluster::RefusedAttempts& refused_attempts() { return refused_attempts_; }
  cluster::AttemptActor& attempt_actor() { return attempt_actor_; }
  // Of any loop: what waits for that goes on, on its own.
  void attempt_ended();
  // A node has refused something because it has a newer topology.
  void newer_topology_at(const cluster::NodeId& peer);
  // Whether what the node says beyond gossip is taken: once there is a cluster, that of its members.
  bool has_a_say(const cluster::NodeId& peer) const;
  cluster::OrderedChanges& order() { return order_; }
  ClusterThread& loop(size_t index) { return *threads_[index]; }

 private:
  void refresh_defaults();
  // The first loop's thread only, from here on.
  void run_on_first(std::function<void()> work);
  void on_each_loop(const std::function<void(BusLinks&)>& work);
  void on_tick();
  void take(cluster::GossipOutput& output);
  void describe_anew();
  // Gossips with a node, or with all members, now, if there is a link: the answers tell what time it is.
  void greet(const cluster::NodeId& id);
  void greet_members();
  void send_gossip(const cluster::GossipOutgoing& message);
  void tell(const cluster::MembershipEvent& event);
  void publish_health();
  void keep_time();
  void publish_reports();
  void update_peers();
  void follow_forming();
  std::string unreached_nodes() const;  // The first loop's.
  void adopt(cluster::Topology topology);
  void learn_members(const cluster::Topology& topology);
  cluster::Epoch own_epoch() const;
  // The least that a loop serves by: what others are told, as they count on all of this node.
  cluster::Epoch served_epoch() const;
  void ask_for_topology();
  bool ask_for_topology(const cluster::NodeId& peer);
  void follow_ring();
  void receive_topology(std::string_view bytes);
  cluster::NodeDescription describe() const;
  void remember_peers();
  void save_peers();

  Server& server_;
  ClusterFile file_;
  const PeerFile peer_file_;
  cluster::NodeId id_;                    // Fixed after open().
  std::optional<uint64_t> records_seed_;  // Of the records found at the start. Fixed after open().
  const uint64_t life_;                   // Of this process, as handshakes tell it.
  std::vector<ClusterThread*> threads_;
  std::unique_ptr<LifeSigns> life_signs_;
  std::unique_ptr<BusListener> listener_;
  std::unique_ptr<cluster::Membership> membership_;
  std::unique_ptr<TopologyKeeper> topology_;
  std::unique_ptr<cluster::TransitionDriver> ring_;
  HintKeeper hints_;
  cluster::UndecidedKeys undecided_;
  cluster::RefusedAttempts refused_attempts_;
  cluster::AttemptActor attempt_actor_{[] { return thread_random().next() | 1; }};
  cluster::OrderedChanges order_;  // Of all loops.
  std::unique_ptr<Timer> tick_timer_;
  std::unique_ptr<HintDelivery> hint_delivery_;
  std::unique_ptr<Repair> repair_;  // Null with 'storage memory'.
  std::vector<BusPeer> peers_;
  std::vector<PeerAddress>
      addresses_;                  // Of members, as far as they are known; those of the last run at first.
  bool saving_addresses_ = false;  // On a disk thread.
  std::vector<std::string> seeds_;
  int64_t asked_for_topology_us_ = 0;
  cluster::NodeId asked_;  // Whom, until there is an answer.

  const std::shared_ptr<OperationTable> operations_ = std::make_shared<OperationTable>();
  std::function<void()> on_left_;  // Set: this node is stopping.
  std::unique_ptr<Timer> leave_timer_;
  int64_t leaving_since_us_ = 0;

  std::unique_ptr<std::atomic<bool>[]> healthy_, leaving_, stands_back_;
  std::atomic<bool> knows_time_{false};
  engine::Stamp stamp_at_start_ = 0;
  bool confirmed_ = false;  // The time. The first loop's.
  std::atomic<uint64_t> placement_version_{0};
  cluster::NodeNumbers numbers_;  // The first loop's.
  mutable std::mutex mutex_;      // Guards what follows.
  std::shared_ptr<const cluster::Placement> placement_;
  std::string waiting_for_, unreached_;
  std::string ring_waits_for_;
  std::vector<cluster::MemberView> members_;
  cluster::GossipFigures figures_;
};

}  // namespace starling::server
