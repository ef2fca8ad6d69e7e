// One loop's part in the cluster: decides where each command runs, ships what it changed, asks other replicas
// before it reads, and answers theirs. See README.md.
//
// Its loop's thread only, except where it says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cluster/data/coordinator.h"
#include "cluster/data/early_frames.h"
#include "cluster/data/read_findings.h"
#include "cluster/data/replica_service.h"
#include "cluster/topology/placement.h"
#include "engine/base/change_list.h"
#include "engine/core/operation.h"
#include "server/bus/bus_links.h"
#include "server/cluster/admission.h"
#include "server/cluster/attempt.h"
#include "server/cluster/fan_out.h"
#include "server/cluster/forward_prefix.h"
#include "server/cluster/forward_window.h"
#include "server/cluster/forwards.h"
#include "server/cluster/hint_keeper.h"
#include "server/cluster/replica_waits.h"
#include "server/cluster/scan_walk.h"
#include "server/cluster/tunnels.h"
#include "server/session/client.h"

namespace starling::server {

struct Script;
class TrackingExchange;

class ClusterNode;
class IoThread;

// Counted by the loop, read by any thread.
struct ClusterStatistics {
  Counter forwards, forwards_lost, forwards_repeated, forwards_late, fan_outs;
  Counter writes_shipped, writes_failed;
  Counter quorum_reads, reads_failed, newer_fetched, read_repairs, gaps;
  Counter writes_overruled, writes_refused;
};

class ClusterThread final : private BusHandler,
                            private engine::ChangeObserver,
                            private cluster::Wire,
                            private cluster::CoordinatorListener,
                            private cluster::ReplicaService::Host {
 public:
  ClusterThread(ClusterNode& node, IoThread& io_thread, const BusOptions& options);
  ~ClusterThread() override;

  // --- For the dispatcher.
  // Before a command runs: forwards it, asks other replicas, or lets it go on. `writes`: it may change data.
  Admission admit(Client& client, const Command& command, PreparedRequest& prepared,
                  std::span<const engine::KeyRef> keys, bool writes);
  // The short answer to most requests: it runs here, and nobody need be asked first. False: ask admit().
  bool runs_here(const Client& client, const Command& command, const PreparedRequest& prepared, bool writes);
  // A forwarded request may be run until `deadline_us`, by this node's monotonic clock. True: it is answered with an
  // error, and its transaction discarded.
  bool refused_as_late(Client& client, int64_t deadline_us);
  // Asks ahead for a request that will be executed later in the batch.
  void ask_ahead(Client& client, PreparedRequest& prepared);
  // The keys are locked and resident: is what is here all that the replicas asked have? If not, the rest is
  // fetched, the client waits, and the command starts over.
  bool up_to_date(Client& client, PreparedRequest& prepared, std::span<const engine::KeyRef> keys,
                  engine::Operation& operation);
  // A write that asked other replicas has run, its keys are locked still: if it changed nothing, those that
  // it found behind get what it saw, as they do from a read.
  void mend_unchanged(engine::Operation& operation) {
    if (!behind_.empty()) [[unlikely]]
      mend_behind(operation);
  }
  // --- Writes that depend on what they read (cluster_attempts.cc).
  bool attempts_under_way() const;
  // The keys, locked and resident, are changed by somebody else who waits for other nodes: the client waits, too.
  bool must_wait(Client& client, PreparedRequest& prepared, std::span<const engine::KeyRef> keys);
  // Other replicas have to agree to what the command changes before it does: it is to be tried (engine::Trial).
  bool must_agree(const Client& client, const Command& command, const PreparedRequest& prepared,
                  std::span<const engine::KeyRef> keys, engine::Operation& operation) const;
  // Before it is tried.
  std::shared_ptr<Attempt> prepare_attempt(Client& client, const PreparedRequest& prepared);
  // Whose events it will be.
  engine::ActorId attempt_actor(std::span<const engine::KeyRef> keys) const;
  // It was tried and taken back, and would change something; the keys are locked still.
  void claim(const Attempt& attempt);
  // Asks the replicas; the client, whose reply from `from` on is held, waits, and then starts over.
  void begin_attempt(Client& client, PreparedRequest& prepared, std::shared_ptr<Attempt> attempt,
                     uint64_t from);
  // The request starts over. kRun: from its beginning.
  Admission conclude(Client& client, PreparedRequest& prepared);
  // An attempt of this node, of any loop, has ended.
  void after_attempt();
  // Any thread: something waits for that.
  bool waits_for_attempts() const { return waits_for_attempts_.load(std::memory_order_acquire); }
  // Where a command of the client, which runs now, leaves what it changes. ship() must follow.
  engine::ChangeList& changes(const Client& client) {
    runs_for_ = &client;
    return changes_;
  }
  // After it ran: ships what it changed, and what other replicas were found to lack; the reply from `from` on
  // waits for the quorum.
  void ship(Client& client, uint64_t from);

  // Of the command that is dispatched next, if it brought its own; else null. Until the next call.
  void use_quorum(const cluster::QuorumOptions* options) { of_command_ = options; }
  const cluster::QuorumOptions& quorum_of(const Client& client) const {
    if (of_command_ != nullptr) return *of_command_;
    return client.quorum ? *client.quorum : defaults_;
  }
  const cluster::QuorumOptions& default_quorum() const { return defaults_; }
  const std::shared_ptr<const cluster::Placement>& placement() const { return placement_; }
  bool healthy(cluster::NodeIndex index) const override;

  // What every replica of the key has, as far as it can be asked: `done` on this loop, later.
  void survey(int database, std::string_view key,
              std::function<void(std::vector<cluster::PeerVersion>)> done);

  ReplicaWaits& replica_waits() { return replica_waits_; }
  // What clients track, here and at other nodes.
  TrackingExchange& tracking() { return *tracking_; }

  // A message for the subscribers of all other nodes.
  void publish(std::string_view channel, std::string_view message, bool to_shard);
  // To this node's subscribers and to the others'.
  void publish(std::span<const Publication> publications);

  // Since the last call, hints were logged.
  bool take_hinted() { return std::exchange(hinted_, false); }

  // --- For the loop.
  void begin_pass();
  // What the node has decided of the topology holds here, too, from now on. Not within a round.
  void follow_placement();
  // Before the round's changes are committed: what it shipped, and what other loops left it to ship, is on its
  // way.
  void end_round() {
    ship_handed();
    coordinator_.flush(pass_us_);
  }
  void on_committed(const engine::Status& status);
  void on_durable();
  void on_client_closed(Client& client);
  // The client waits no longer for keys that other nodes coordinate. False: it may only do so later, as what it sent
  // before is not all done.
  bool abandon_wait(Client& client);
  // Tells the other nodes that this one stops, ends its clients' connections once they are answered, and
  // finishes what others have asked for. left() on any thread: that is done.
  void leave();
  bool left() const { return left_.load(std::memory_order_acquire); }
  // At the end of the pass: what was queued for other nodes leaves, and what was handed over here and is done
  // is told to the loops that it came from.
  void flush();
  // The settings of quorums are others.
  void refresh_defaults();

  // The topology that it serves by; 0: none yet. Any thread.
  cluster::Epoch served_epoch() const { return served_epoch_.load(std::memory_order_acquire); }

  // --- For the node.
  BusLinks& links() { return links_; }
  IoThread& io_thread() { return io_thread_; }
  // Read by any thread.
  const ClusterStatistics& statistics() const { return statistics_; }
  // By partition, whether this node answers for it in the scope. Null: it is of another topology.
  std::shared_ptr<const PartitionSet> partitions_of(const PartitionScope& scope) const;
  const cluster::Coordinator& coordinator() const { return coordinator_; }
  cluster::Obligations& obligations() { return coordinator_.obligations(); }
  enum class Delivery { kStored, kFailed };
  // Brings a key's record to a node as it is now. `done` on this loop, perhaps before this returns.
  void send_record(const cluster::NodeId& node, int database, const std::string& key,
                   std::function<void(Delivery)> done);
  // The same, for who must know what it was.
  void hand_over(const cluster::NodeId& node, int database, const std::string& key,
                 std::function<void(const HandedOver&)> done);

 private:
  // ChangeObserver
  void made(const engine::ChangeList& changes) override;
  // BusHandler
  cluster::Introduction introduction() override;
  std::optional<std::string> objection(const cluster::Introduction& peer) override;
  int64_t clock_us() override { return now_us(); }
  void on_connected(const cluster::Introduction& peer) override;
  void on_disconnected(const cluster::NodeId& peer, const std::string& reason) override;
  void on_accepted(const cluster::Introduction& peer, LinkId link) override;
  void on_heard(const cluster::NodeId& peer, bool answers) override;
  void on_receiving(const cluster::NodeId& peer, cluster::FrameKind kind, uint64_t correlation) override;
  void on_sending(const cluster::NodeId& peer, LinkId link, cluster::FrameKind kind, uint64_t correlation,
                  std::optional<int64_t> age_us) override;
  void on_frame(const cluster::NodeId& peer, LinkId link, cluster::FrameKind kind, uint64_t correlation,
                std::string_view payload) override;
  void lose_watches_elsewhere();
  // Of a node that is no member. False: strangers may, too.
  bool refuse_stranger(LinkId link, cluster::FrameKind kind, uint64_t correlation);
  // Wire
  bool send(cluster::NodeIndex node, cluster::FrameKind kind, uint64_t correlation,
            std::string_view payload) override;
  bool send_shared(cluster::NodeIndex node, cluster::FrameKind kind, uint64_t correlation,
                   const cluster::SharedBytes& payload) override;
  // CoordinatorListener
  void write_done(uint64_t token, const cluster::Failure* failure) override;
  void attempt_done(uint64_t token, cluster::AttemptOutcome outcome,
                    const cluster::Failure* failure) override;
  void read_done(uint64_t token, const cluster::Failure* failure) override;
  void peer_stamp(engine::Stamp stamp) override;
  void fetch_done(uint64_t token, const cluster::KeyName& key, std::string_view record) override;
  bool hint(cluster::NodeIndex target, std::string_view keys) override;
  void gap(const cluster::Gap& gap) override;
  void newer_epoch(cluster::NodeIndex peer) override;
  void overruled(std::span<const uint64_t> tokens, std::string_view changes, engine::Stamp stamp,
                 const cluster::QuorumOptions& options, int64_t began_us) override;
  // ReplicaService::Host
  void reply(uint64_t link, cluster::FrameKind kind, uint64_t correlation, std::string_view payload) override;
  void post(std::function<void()> work) override;
  cluster::Epoch epoch() const override;
  bool holds(uint16_t partition) const override { return placement_->stores(partition, placement_->self); }
  int64_t now_ms() const override;
  bool undecided(int database, std::string_view key) const override;
  cluster::RefusedAttempts& refused_attempts() override;

  // A reply that waits for writes of one or more partitions.
  struct HeldWrite {
    uint64_t client_id;
    uint64_t held_id;
    int pending;
    std::string failure;
    std::function<void(Delivery)> done;  // Of a write that no client waits for.
  };
  // A change that another loop made and this one ships: the loop, and what that one knows it by.
  struct Origin {
    size_t loop;
    uint64_t token;
  };
  struct Shipped {
    std::vector<Origin> origins;
    int pending = 1;
    std::string failure;
  };
  struct AskedPart {
    std::shared_ptr<QuorumRead> read;
    std::vector<size_t> keys;  // Which of the command's keys, in the order asked.
  };

  // A command of which several nodes run a part.
  struct Gather {
    uint64_t client_id = 0;
    uint64_t held_id = 0;
    Join join = Join::kNone;
    bool writes = false;
    bool silent = false;
    bool everywhere = false;  // All nodes do the same; the client waits for it.
    int64_t deadline_us = 0;
    std::vector<FanOutPart> parts;
    std::vector<std::string> replies;
    size_t pending = 0;
    // Of commands over all keys, which are asked anew when a node is lost, and SCAN, which goes from node to
    // node:
    ForwardPrefix prefix;
    std::vector<std::string> arguments;
    int attempts = 0;
    bool lost = false;
    std::unique_ptr<ScanWalk> walk;
  };

  // Records that a peer was found to lack by the command that runs.
  struct Repair {
    cluster::NodeIndex node;
    std::string changes;
  };

  // A key that a write looks at, and who has less of it.
  struct Behind {
    int database;
    std::string key;
    cluster::Nodes nodes;
  };
  // Changes that are to be made anew, above a stamp that a replica told of.
  struct Overruled {
    std::vector<uint64_t> tokens;
    std::string changes;
    engine::Stamp stamp;
    cluster::QuorumOptions options;
    int64_t began_us;
  };
  struct WaitingClient {
    uint64_t client_id;
    int64_t deadline_us;
  };
  struct Rewritten {
    engine::LogPosition position;
    uint16_t partition;
    std::string changes;
    std::shared_ptr<const Overruled> write;
  };

  struct Survey {
    std::vector<cluster::PeerVersion> versions;
    std::function<void(std::vector<cluster::PeerVersion>)> done;
  };

  int64_t now_us() const;
  // --- cluster_attempts.cc
  void doubt(const Attempt& attempt);
  void store_agreed(const std::shared_ptr<Attempt>& attempt);
  void publish_agreed(const Attempt& attempt);
  void take_back(Client& client, const Attempt& attempt);
  void release_keys(const Attempt& attempt);
  void conclude_attempt(const Attempt& attempt);
  void wake_later(uint64_t client_id);
  Admission refused(Client& client, PreparedRequest& prepared);
  void note_replicas();
  void look_after_waiting();
  void wake_decided();
  // --- cluster_overruled.cc
  void write_again(const std::shared_ptr<const Overruled>& write, const cluster::Change& change);
  void ship_again(const Rewritten& rewritten);
  void ship_durable_again();
  bool out_of_time(const Overruled& write) const;
  void end_rewrites();
  bool ship_in_batch(Client& client, uint64_t from);
  void ship_by_partition(Client& client, uint64_t from);
  // From when on the time of what the client has just asked for runs.
  int64_t began_us(const Client& client) const;
  static void append(const engine::ReplicaChange& change, std::string* message);
  void wake_loops();
  void ship_handed();
  void tell_origins();
  void end_write(uint64_t token, std::string_view failure);
  void begin_survey(int database, const std::string& key, Survey survey);
  void survey_done(Survey survey, uint64_t token);
  cluster::NodeIndex target_of(std::span<const engine::KeyRef> keys, bool writes, bool strict) const;
  cluster::NodeIndex target_for(const Client& client, std::span<const engine::KeyRef> keys, bool writes,
                                bool exec) const;
  cluster::NodeIndex coordinator_of(uint16_t partition) const;
  cluster::NodeIndex watch_target(const Client& client, std::span<const engine::KeyRef> keys) const;
  bool holds_all(std::span<const engine::KeyRef> keys, cluster::NodeIndex node) const;
  bool lost_watch(Client& client);
  static void note_written(Client& client, const engine::KeyRef& key);
  Admission admit_here(Client& client, const Command& command, PreparedRequest& prepared,
                       std::span<const engine::KeyRef> keys, bool writes);
  Admission refuse_unless_connecting(Client& client, std::string_view error);
  Admission wait_for_nodes(Client& client);
  // Reads consult more than one replica. (Where there is but one, a number above that is never reached, and says so.)
  bool asks_others(const Client& client) const {
    const cluster::Consistency& read = quorum_of(client).read;
    if (read.level == cluster::Level::kNumber) return read.number != 1;
    return read.level != cluster::Level::kOne && !alone_;
  }
  bool must_read_first(const Client& client, const Command& command, Arguments arguments) const;
  bool all_connected() const;
  bool connecting() const;
  bool relinking(const Client& client) const;
  void note_reachable();
  bool may_ask_again(const QuorumRead& read) const;
  bool outdated(const QuorumRead& read, const Client& client, std::span<const engine::KeyRef> keys) const;
  std::optional<cluster::Failure> refusal(uint16_t partition, const cluster::QuorumOptions& options,
                                          bool write);
  bool backlogged(Arguments arguments) const;
  std::string hopeless(const Client& client, std::span<const engine::KeyRef> keys, bool reads, bool writes);
  void begin_read(Client& client, PreparedRequest& prepared, std::span<const engine::KeyRef> keys);
  void track_read(const Client& client, PreparedRequest& prepared, std::span<const engine::KeyRef> keys);
  void refuse(Client& client, std::string_view error);
  // --- cluster_forward.cc
  void forward(Client& client, cluster::NodeIndex target, Arguments arguments,
               std::span<const engine::KeyRef> keys, bool writes);
  void forward_watch(Client& client, cluster::NodeIndex target, Arguments arguments,
                     std::span<const engine::KeyRef> keys);
  void forward_transaction(Client& client, cluster::NodeIndex target, std::span<const engine::KeyRef> keys,
                           bool writes);
  // --- cluster_waits.cc
  Admission forward_wait(Client& client, const Command& command, cluster::NodeIndex target,
                         Arguments arguments, std::span<const engine::KeyRef> keys);
  void finish_wait(uint64_t correlation, const Forward& forward, std::string_view reply, bool lost);
  // --- cluster_forward.cc
  ForwardPrefix prefix_of(const Client& client) const;
  Forward new_forward(const Client& client, cluster::NodeIndex target, bool writes) const;
  // Returns its correlation; 0: nothing was sent.
  uint64_t send_forward(Client& client, Forward forward);
  void await_forward(Client& client, Forward forward, cluster::NodeIndex target,
                     std::span<const engine::KeyRef> keys);
  bool transmit(uint64_t correlation, Forward& forward, bool repeated);
  void break_forward(uint64_t correlation);
  bool go_elsewhere(Client& client, uint64_t correlation, Forward& forward);
  bool given_up(const Forward& forward, int64_t now) const;
  void resend_parked();
  void time_out(uint64_t correlation);
  void lose_forward(uint64_t correlation, std::string_view how);
  void on_working(uint64_t correlation);
  void tell_working();
  void finish_forward(uint64_t correlation, const Forward& forward, std::string_view reply, bool lost);
  bool overtakes(const Client& client, const engine::KeyRef& key, cluster::NodeIndex target,
                 bool direct) const;
  // --- cluster_gather.cc
  Admission admit_every_node(Client& client, const Command& command, Arguments arguments);
  // EVALSHA as EVAL, if this node knows the text, which another one may not. `words` then refer to what is returned.
  std::shared_ptr<const Script> name_by_text(const Command& command,
                                             std::vector<std::string_view>* words) const;
  std::optional<Admission> admit_fan_out(Client& client, const Command& command, Arguments arguments,
                                         std::span<const engine::KeyRef> keys, bool writes);
  std::optional<Admission> admit_whole_read(Client& client, const Command& command, Arguments arguments);
  void begin_gather(Client& client, std::unique_ptr<Gather> gather);
  void ask_parts(Client& client, uint64_t token, Gather& gather);
  void send_part(Client& client, uint64_t token, Gather& gather, size_t part, Arguments arguments,
                 std::span<const engine::KeyRef> keys);
  static void note_forwarded(Client& client, uint64_t correlation, cluster::NodeIndex target,
                             std::span<const engine::KeyRef> keys);
  void take_part(uint64_t token, size_t part, std::string_view reply, bool lost);
  void finish_gather(uint64_t token, std::string_view reply);
  void ask_next_stretch(uint64_t token);
  void take_stretch(uint64_t token, std::string_view reply);
  Admission admit_whole(Client& client, const Command& command, Arguments arguments);
  void wake(uint64_t client_id);
  void release(uint64_t client_id, uint64_t held_id, std::string_view bytes);
  void note_behind(const Client& client, std::span<const engine::KeyRef> keys, const QuorumRead& read,
                   engine::Operation& operation);
  void mend_behind(engine::Operation& operation);
  void lose_watches(const cluster::NodeId& peer);
  void follow_leaving();
  void leave_unhealthy();
  void on_tick();
  void tick_often(bool often);
  // Requests to other nodes whose time may run out, or that change with the health of nodes.
  bool under_way() const {
    return coordinator_.under_way() != 0 || forwards_.short_ones() != 0 || !gathers_.empty() ||
           !parked_.empty() || waits_for_attempts() || replica_waits_.any() || leaving_;
  }
  // What a replica lacks, kept until the key is in memory.
  struct Missing {
    uint64_t repair;
    int database;
    std::string key, seen, listed;
  };
  // What brings others to have the record, which is locked; false: there is nothing.
  static bool append_record(engine::Operation& operation, const engine::KeyRef& key,
                            cluster::ChangeForm* form, std::string* record);
  void mend(const std::shared_ptr<const Missing>& missing);
  // One record, as a `change` (of a big one, the question whether all of it is there), and its context; empty
  // when the key was never here. False: it is not in memory.
  bool record_of(int database, std::string_view name, std::string* change, std::string* context = nullptr);

  ClusterNode& node_;
  IoThread& io_thread_;
  BusLinks links_;
  cluster::Coordinator coordinator_;
  cluster::ReplicaService replicas_;
  const std::shared_ptr<OperationTable> operations_;  // As long as there are tunnels.
  Tunnels tunnels_;
  Forwards forwards_;
  std::shared_ptr<const cluster::Placement> placement_;
  uint64_t placement_version_ = 0;
  bool alone_ = false;  // There is no other member.
  std::atomic<cluster::Epoch> served_epoch_{0};
  cluster::EarlyFrames early_;
  bool holds_everything_ = false;  // Of the placement: this node is a replica of all partitions.
  int64_t serving_since_us_ = 0;
  std::vector<int64_t> unreachable_since_us_;  // By member; 0: it was healthy at the last tick.
  cluster::QuorumOptions defaults_;
  const cluster::QuorumOptions* of_command_ = nullptr;
  engine::ChangeList changes_{this};
  const Client* runs_for_ = nullptr;
  std::vector<bool> handed_;              // Of changes_, which were handed over to another loop; empty: none.
  uint64_t handed_token_ = 0;             // By which that one knows them.
  engine::LogPosition hints_handed_ = 0;  // Durable, before origins are told (appendfsync always).
  std::vector<size_t> loops_to_wake_;     // They have something to take since.
  std::vector<Repair> repairs_;
  std::vector<Behind> behind_;  // Of the command that runs.
  ForwardWindow window_;
  ReplicaWaits replica_waits_;
  const std::unique_ptr<TrackingExchange> tracking_;
  std::deque<Rewritten> rewritten_;  // appendfsync always: until they are durable here.
  // Of the command that runs, if other nodes run it too: their answers are part of its reply.
  uint64_t broadcast_token_ = 0;
  int broadcast_pending_ = 0;
  uint64_t next_token_ = 1;
  bool hinted_ = false;
  int64_t pass_us_ = 0;  // When the pass began.
  uint64_t pass_ = 0;
  // Of reads and of writes with the default options, by set of replicas: the pass in which they were last
  // found to be possible.
  std::vector<uint64_t> hopeful_[2];
  absl::flat_hash_map<uint64_t, HeldWrite> writes_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Attempt>> attempts_;
  std::atomic<bool> waits_for_attempts_{false};
  // Whose keys are changed by an attempt of this node.
  // By the key that is undecided.
  absl::flat_hash_map<std::pair<int, std::string>, std::deque<WaitingClient>> waiting_for_decisions_;
  std::vector<std::pair<std::shared_ptr<const Overruled>, cluster::Change>> waiting_rewrites_;
  absl::flat_hash_map<uint64_t, Shipped> shipped_for_;
  std::vector<std::vector<std::pair<uint64_t, std::string>>>
      to_tell_;  // By loop: what failed, and how; "": nothing did.
  absl::flat_hash_map<uint64_t, AskedPart> asked_;
  absl::flat_hash_map<uint64_t, Survey> surveys_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<QuorumRead>> fetching_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Gather>> gathers_;
  std::vector<uint64_t> parked_;      // Forwards whose link broke, ascending.
  const uint64_t life_, waits_life_;  // See forward_frame.h.
  // Links that others opened; while leaving, those that have not confirmed that they send nothing more.
  std::vector<LinkId> accepted_;
  bool leaving_ = false;
  int64_t leaving_since_us_ = 0;
  std::atomic<bool> left_{false};
  std::unique_ptr<Timer> tick_timer_;
  int64_t last_tick_us_ = 0, told_working_us_ = 0;
  // Of all ticks that came late: nobody listened meanwhile.
  int64_t stood_still_us_ = 0;
  bool ticking_ = false;  // Every few milliseconds: something is under way.
  ClusterStatistics statistics_;
};

}  // namespace starling::server
