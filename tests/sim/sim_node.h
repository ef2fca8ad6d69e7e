// One node: the production coordinator, replica service, membership and engine, and the little between them
// that server/cluster/ does around its loop, said again without sockets (see README.md for what is said
// again).
//
// A node has one or several loops, each with a coordinator and a replica service of its own. Every call is made
// by the simulation as one pass of one loop, between begin_pass() and end_pass(): the first one's, unless the
// call itself goes to another one.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/data/attempt_actor.h"
#include "cluster/data/coordinator.h"
#include "cluster/data/early_frames.h"
#include "cluster/data/refused_attempts.h"
#include "cluster/data/replica_service.h"
#include "cluster/data/undecided_keys.h"
#include "cluster/handoff/lost_partitions.h"
#include "cluster/handoff/receiving.h"
#include "cluster/membership/agreed_clock.h"
#include "cluster/membership/membership.h"
#include "cluster/repair/anti_entropy.h"
#include "cluster/repair/restless_settlement.h"
#include "cluster/repair/settlement.h"
#include "cluster/topology/topology_register.h"
#include "cluster/topology/transition_driver.h"
#include "cluster/wire/peer_clock.h"
#include "engine/base/change_list.h"
#include "engine/core/operation.h"
#include "engine/replica/replication.h"
#include "engine/replica/trial.h"
#include "server/cluster/forward_frame.h"
#include "server/cluster/forwards.h"
#include "server/cluster/hint_keeper.h"
#include "server/cluster/operation_table.h"
#include "tests/sim/sim_engine.h"
#include "tests/sim/world.h"

namespace starling::sim {

inline constexpr int64_t kTickUs = 20'000;
// More than there are nodes: a link's number says the node and the loop that opened it.
inline constexpr size_t kMaxLinks = 16;

class SimNode final : private engine::ChangeObserver,
                      private cluster::Wire,
                      private cluster::CoordinatorListener,
                      private cluster::ReplicaService::Host,
                      private cluster::ReceivingHost {
 public:
  struct Setting {
    size_t index = 0;
    size_t loops = 1;
    engine::ActorId actor = 0;
    uint64_t random_seed = 0;
    bool fsync_always = false;
    Mutation mutation = Mutation::kNone;
    cluster::AcceptorState topology;  // As it is on its disk; nothing decided: it asks to be counted in.
    bool ring_changes = false;
    bool auto_removes = false;
    size_t slots = 0;                  // Nodes that there may be.
    std::vector<size_t> seeds;         // Where a node that joins asks.
    engine::Stamp last_stamp = 0;      // Of the clean stop before; else 0.
    uint64_t boot = 0;                 // Of no other start.
    std::vector<uint16_t> partitions;  // That clients use.
    bool compares = true;              // Replicas, now and then, from the beginning.
  };

  SimNode(World& world, const SimDisk& disk, const Setting& setting);

  void begin_pass();
  // Commits, answers, and lets go what is to be sent.
  void end_pass();

  void submit(uint64_t operation);
  void receive(size_t from, const Packet& packet);
  void connected(size_t peer, int64_t peer_clock_us);
  // From now on.
  void compare_replicas() { compares_ = true; }
  void disconnected(size_t peer);

  SimEngine& engine() { return engine_; }
  // A topology is in force here.
  bool formed() const { return loops_[current_]->placement != nullptr; }
  const cluster::Placement& placement() const { return *loops_[current_]->placement; }
  engine::ActorId actor() { return engine_.core().actor; }

  // --- Changes of the ring (sim_ring.cc). As an operator asks for them.
  void change_ring(cluster::RingChange change);
  void abort_change();
  // It serves by one ring, and has removed what is others'.
  bool ring_rests() const;
  std::string ring_waits_for() const;
  size_t waiting_hints() const { return hints_.report().waiting; }
  // (target, key), sorted.
  std::vector<std::pair<std::string, std::string>> hints();
  bool sees_all() const;
  // What it takes for the time; 0 before it knows.
  int64_t agreed_ms() const { return knows_time_ ? (now_us() + agreed_.base_us()) / 1000 : 0; }
  bool idle() const;

  // Makes the key resident first. Empty: it was never there. With how far its partition is settled, as other
  // nodes get it.
  std::string state_of(const std::string& key);
  // Whether the key has a record here that is settled but not removed: state_of() does not tell of such.
  bool guards(const std::string& key);
  bool merge(const std::string& key, std::string_view state);

 private:
  // A client's command where it runs.
  struct Execution {
    uint64_t operation = 0;
    size_t from = SIZE_MAX;  // Who forwarded it.
    uint64_t correlation = 0;
    uint64_t link = 0;                // That it came by.
    uint64_t life = 0;                // Of the asking node, if the operation is remembered.
    int64_t deadline_us = INT64_MAX;  // By this machine's clock: from then on it does not begin.
    bool asked = false;
    int pending = 0;           // Answers of other replicas.
    bool fetched = false;      // What they have more.
    int rounds = 0;            // Times that they were asked anew.
    int refusals = 0;          // Times that they did not agree.
    cluster::Epoch epoch = 0;  // By which it was decided to run it here.
    int64_t read_us = 0;       // When they were asked first.
    std::string failure;
    std::vector<cluster::PeerVersion> versions;
  };
  using ExecutionPtr = std::shared_ptr<Execution>;
  struct Held {
    ExecutionPtr execution;
    bool changed = false;
    int pending = 0;
    engine::LogPosition position = 0;
    std::shared_ptr<Answer> answer;
    int ticks = 0;  // Of the node, that it has waited for.
  };
  struct Repair {
    cluster::NodeIndex node;
    std::string changes;
  };
  // Changes that are to be made anew, above a stamp that a replica told of.
  struct Overruled {
    std::vector<uint64_t> tokens;
    std::string changes;
    engine::Stamp stamp;
    cluster::QuorumOptions options;
    int64_t began_us;
  };
  struct Attempt {
    ExecutionPtr execution;
    engine::ActorId actor = 0;
    std::vector<engine::Tried> tried;
    std::shared_ptr<Answer> answer;
  };
  struct HandOver {
    size_t target;
    server::Hint hint;
    server::HandedOver result;
  };
  struct Sent {
    size_t to;
    Packet packet;
  };
  struct Loop {
    explicit Loop(SimNode& node)
        : coordinator(node, node, &node.order_), replicas(node.engine_, node), changes(&node) {}
    cluster::Coordinator coordinator;
    cluster::ReplicaService replicas;
    engine::ChangeList changes;
    std::vector<Sent> outbox;
    bool goes_on = false;                                 // The pass has not ended with the last call.
    std::shared_ptr<const cluster::Placement> placement;  // That it serves by; null: none yet.
    cluster::EarlyFrames early;
  };
  // A change that another loop made and this one ships.
  struct Origin {
    size_t loop;
    uint64_t token;
  };
  struct Shipped {
    std::vector<Origin> origins;
    int pending = 1;
    std::string error;
  };
  // Of comparing replicas and settling partitions.
  struct Round {
    explicit Round(std::shared_ptr<const cluster::Placement> placement) : settlement(std::move(placement)) {}
    cluster::Settlement settlement;
    std::vector<size_t> to_ask;
    std::optional<cluster::Exchange> exchange;
    size_t peer = SIZE_MAX;
    uint64_t number = 0;  // Of questions and exchanges: late answers have another one.
    int64_t deadline_us = 0;
  };
  // A comparison that brings this node what it will hold.
  struct Bringing {
    cluster::Receiving::Stretch stretch;
    cluster::Exchange exchange;
    uint64_t number = 0;  // Of the answer awaited.
    int64_t deadline_us = 0;
  };
  struct Promise {
    engine::LogPosition position;
    size_t asker;
    uint64_t number;
    std::string payload;
  };

  // ChangeObserver
  void made(const engine::ChangeList& changes) override;
  // Wire
  bool healthy(cluster::NodeIndex node) const override;
  bool send(cluster::NodeIndex node, cluster::FrameKind kind, uint64_t correlation,
            std::string_view payload) override;
  // CoordinatorListener
  void write_done(uint64_t token, const cluster::Failure* failure) override;
  void attempt_done(uint64_t token, cluster::AttemptOutcome outcome,
                    const cluster::Failure* failure) override;
  void peer_stamp(engine::Stamp stamp) override { (void)engine::observe_stamp(engine_, stamp, now_ms()); }
  void read_done(uint64_t token, const cluster::Failure* failure) override;
  void fetch_done(uint64_t token, const cluster::KeyName& key, std::string_view record) override;
  bool hint(cluster::NodeIndex target, std::string_view keys) override;
  void gap(const cluster::Gap& gap) override;
  void newer_epoch(cluster::NodeIndex peer) override;
  void overruled(std::span<const uint64_t> tokens, std::string_view changes, engine::Stamp stamp,
                 const cluster::QuorumOptions& options, int64_t began_us) override;
  // ReplicaService::Host
  void reply(uint64_t link, cluster::FrameKind kind, uint64_t correlation, std::string_view payload) override;
  void post(std::function<void()> work) override;
  cluster::Epoch epoch() const override { return formed() ? placement().topology.epoch : 0; }
  bool holds(uint16_t partition) const override { return placement().stores(partition, placement().self); }
  int64_t now_ms() const override;
  cluster::RefusedAttempts& refused_attempts() override { return refused_attempts_; }
  bool undecided(int database, std::string_view key) const override {
    return undecided_.contains(database, key);
  }

  // ReceivingHost
  bool down(cluster::NodeIndex node) const override;
  bool reachable(cluster::NodeIndex node) const override { return healthy(node); }
  bool keeps_hints() const override { return waiting_hints() != 0; }
  cluster::Epoch served_epoch() const override;

  // It is one of those that are read.
  bool is_read(uint16_t partition) const { return placement().holds(partition, placement().self); }
  // The loop that runs.
  Loop& loop() { return *loops_[current_]; }
  cluster::Coordinator& coordinator() { return loop().coordinator; }
  // What follows runs on this loop.
  void enter(size_t loop) {
    current_ = loop;
    follow_placement();
  }
  // On the same loop, or on another one, as a pass of its own.
  void later(int64_t delay_us, std::function<void()> work) { later_on(current_, delay_us, std::move(work)); }
  void later_on(size_t loop, int64_t delay_us, std::function<void()> work);
  static void append(const engine::ReplicaChange& change, std::string* message);
  void ship_handed();
  void ship_changes(uint16_t partition, const std::string& changes, const cluster::QuorumOptions& quorum,
                    int64_t began_us, uint64_t token, size_t ordered);
  int64_t now_us() const { return world_.now_us(); }
  int64_t clock_us() const { return world_.clock_us(setting_.index); }
  void trace(const std::string& line) {
    if (world_.tracing()) world_.trace(setting_.index, line);
  }
  cluster::NodeIndex target_of(uint16_t partition, bool writes, bool strict) const;
  cluster::QuorumOptions quorum_of(const ClientOperation& asked) const;
  void answer(const Execution& execution, std::shared_ptr<const Answer> answer);
  void fail(const Execution& execution, std::string error);
  // sim_forwards.cc
  void forward(const ClientOperation& asked, cluster::NodeIndex target);
  bool starts_over(const ExecutionPtr& execution, const ClientOperation& asked);
  bool transmit(uint64_t correlation, const server::Forward& forward, bool repeated);
  void break_forwards(size_t peer);
  bool go_elsewhere(uint64_t correlation, server::Forward& forward);
  void resend_parked();
  void lose_forward(uint64_t correlation, const std::string& how);
  void time_out(uint64_t correlation);
  bool refused_as_late(const Execution& execution);
  void take_forward(size_t from, uint64_t correlation, const std::string& payload);
  bool begin_forwarded(size_t from, uint64_t correlation, const server::ForwardFrame& frame);
  void reply_forward(size_t to, uint64_t link, uint64_t correlation, std::shared_ptr<const Answer> answer);
  void take_forward_reply(const Packet& packet);
  std::string remembered(std::shared_ptr<const Answer> answer);

  void run(const ExecutionPtr& execution);
  void run_later(const ExecutionPtr& execution);
  bool begin_read(const ExecutionPtr& execution, const ClientOperation& operation);
  bool up_to_date(const ExecutionPtr& execution, const ClientOperation& asked, engine::Operation& operation,
                  const engine::Key& key);
  void execute(const ExecutionPtr& execution, const ClientOperation& asked, engine::Operation& operation,
               const engine::Key& key);
  void add(const ClientOperation& asked, const engine::Key& key, engine::Database* database) const;
  void apply(const ClientOperation& asked, engine::Operation& operation, const engine::Key& key,
             const engine::Record& before, Answer* answer);
  void note(const ClientOperation& asked, engine::ActorId actor, const engine::Record& before,
            const engine::Record& after);
  void ship(const ExecutionPtr& execution, const ClientOperation& asked, engine::LogPosition position,
            std::shared_ptr<Answer> answer);
  void write_again(const std::shared_ptr<const Overruled>& write, const cluster::Change& change);
  void check_read(const ClientOperation& asked, const engine::Record& record);
  // sim_attempts.cc
  void try_out(const ExecutionPtr& execution, const ClientOperation& asked, engine::Operation& operation,
               const engine::Key& key);
  void store_agreed(uint64_t token, const std::shared_ptr<Attempt>& attempt);
  void after_attempt();
  void end_write(uint64_t token, const std::string& error, engine::LogPosition position);
  void release_held();
  void watch_held();
  void fail_unlogged(const engine::Status& status);
  void store(size_t from, const Packet& packet);
  bool record_of(int database, std::string_view name, std::string* change, std::string* context = nullptr);
  std::string pruned(std::string record) const;
  void tick();
  void gossip();
  void read_clock();
  void keep_time();
  bool stands_back(cluster::NodeIndex node) const;
  void take(cluster::GossipOutput& output);
  void connect_to_known();
  void deliver_hints();
  void bequeath();
  void send_record(size_t to, size_t target, const server::Hint& hint);
  struct Missing {
    uint64_t repair;
    int database;
    std::string key, seen, listed;
  };
  bool append_record(engine::Operation& operation, const engine::KeyRef& key, cluster::ChangeForm* form,
                     std::string* record) const;
  void mend(const std::shared_ptr<const Missing>& missing);
  void finish_hint(size_t target, const server::Hint& hint, const server::HandedOver& result);
  void sync();

  // sim_settling.cc
  void schedule_round();
  void begin_round();
  void send_settling(const std::vector<cluster::Settlement::Message>& messages);
  void reply_tree(size_t to, uint64_t number, const std::string& payload);
  void take_tree_reply(size_t from, uint64_t number, const std::string& payload);
  cluster::PartitionSet common(size_t peer) const;
  bool shared(const cluster::PartitionSet& partitions, size_t peer) const;
  void compute(const cluster::PartitionSet& among);
  void observe(uint16_t partition);
  void check_tally(uint16_t partition);
  cluster::PartitionSet guarded();
  void ask_next();
  void perform(cluster::Exchange::Action action);
  void answer_tree(size_t from, uint64_t number, const std::string& payload);
  void answer_list(size_t from, uint64_t number, const std::string& payload);
  void adopt(const cluster::AdoptRequest& request, size_t leader);
  void ask_restless();
  void send_restless(const std::vector<cluster::Settlement::Message>& messages);
  std::string same(const cluster::SameRequest& request);
  void adopt_proven(const cluster::ProvenRequest& request, size_t leader);
  void note_adopted(uint16_t partition, engine::Stamp stamp);
  void reap(uint16_t partition);
  std::vector<cluster::VersionEntry> list(uint16_t partition, cluster::Position from,
                                          cluster::Position* until);
  void push(size_t peer, const cluster::KeyNames& keys, std::function<void(uint64_t failed)> done);
  void keep_promises();

  // sim_ring.cc
  cluster::NodeDescription own_description() const;
  bool post_to(size_t node, cluster::FrameKind kind, uint64_t correlation, std::string_view payload);
  bool refuses_stranger(size_t from, const Packet& packet);
  void take_data(size_t from, const Packet& packet);
  void take_topology_frame(size_t from, const Packet& packet);
  // Who was removed is told so by whoever it calls.
  bool tells_removed(size_t peer);
  void act(const cluster::RegisterOutput& output);
  void adopt(const cluster::Topology& topology);
  void learn_members(const cluster::Topology& topology);
  void set_placement(const cluster::Topology& topology);
  void follow_placement();
  void ask_for_topology();
  bool ask_for_topology(size_t peer);
  void follow_ring();
  void tend_ring();
  void remove_lost();
  void begin_bringing(const cluster::Receiving::Stretch& stretch);
  void perform(uint64_t stretch, cluster::Exchange::Action action);
  bool take_brought(size_t from, uint64_t number, const std::string& payload);
  void end_bringing(uint64_t stretch);
  void lose_bringing(size_t peer);

  World& world_;
  const Setting setting_;
  SimClock clock_;
  cluster::AgreedClock agreed_;
  bool knows_time_ = false;
  engine::Stamp stamp_at_start_ = 0;
  engine::SeededRandom gossip_random_;
  SimEngine engine_;
  cluster::OrderedChanges order_;
  std::vector<std::unique_ptr<Loop>> loops_;
  size_t current_ = 0;
  std::shared_ptr<const cluster::Placement> placement_;  // That all loops are to serve by.
  std::shared_ptr<const cluster::Placement> ring_;       // The same, but for mutations.
  std::vector<bool> handed_;   // Of the running loop's changes: which another loop ships. Empty: none.
  uint64_t handed_token_ = 0;  // By which that one knows them.
  cluster::QuorumOptions running_quorum_;  // Of the command that runs,
  int64_t running_began_us_ = 0;           // and from when on its time runs.
  std::map<uint64_t, Shipped> shipped_for_;
  std::optional<cluster::Membership> membership_;
  server::HintKeeper hints_;
  std::set<size_t> connected_;
  std::map<size_t, uint64_t> links_;  // Of each peer, how many have ended.
  std::map<size_t, cluster::PeerClock> peer_clocks_;
  server::Forwards forwards_;
  std::vector<uint64_t> parked_;  // Forwards whose link broke.
  server::OperationTable operations_;
  std::vector<std::shared_ptr<const Answer>> answers_;  // What operations_ remembers.
  std::map<uint64_t, ExecutionPtr> asked_;
  std::map<uint64_t, Held> held_;
  cluster::UndecidedKeys undecided_;
  cluster::RefusedAttempts refused_attempts_;
  cluster::AttemptActor attempt_actor_{[this] { return gossip_random_.next() | 1; }};
  std::map<uint64_t, std::shared_ptr<Attempt>> attempts_;
  std::vector<ExecutionPtr> waiting_for_decisions_;
  std::vector<std::pair<std::shared_ptr<const Overruled>, cluster::Change>> waiting_rewrites_;
  std::map<uint64_t, HandOver> hints_under_way_;
  std::vector<Repair> repairs_;
  cluster::VersionIndex index_;
  std::unique_ptr<Round> round_;
  std::optional<cluster::RestlessSettlement> restless_;
  bool restless_asks_ = false;
  bool compares_;
  std::map<uint64_t, std::function<void(bool stored)>> pushes_;
  std::vector<Promise> promises_;
  std::optional<cluster::TopologyRegister> register_;
  cluster::TransitionDriver driver_;
  cluster::Receiving receiving_;
  cluster::LostPartitions lost_;
  bool removing_ = false;
  std::map<uint64_t, Bringing> bringing_;  // By the number of the stretch.
  size_t asked_for_topology_ = SIZE_MAX;   // Whom, and when.
  int64_t asked_for_topology_us_ = 0;
  bool dismissed_ = false;
  const uint64_t boot_;
  uint64_t next_mark_ = 1;
  uint64_t next_token_ = 1;
  bool sync_scheduled_ = false;
};

// Nodes go by the numbers of their slots, whatever the topology.
cluster::NodeId node_id(size_t index);
inline size_t slot_of(const cluster::NodeId& id) {
  return id.bytes[0] - size_t{1};
}
cluster::NodeDescription description_of(size_t index);

}  // namespace starling::sim
