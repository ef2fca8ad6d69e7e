#include "server/cluster/cluster_node.h"

#include <algorithm>
#include <utility>

#include "cluster/topology/topology_codec.h"
#include "cluster/wire/data_messages.h"
#include "engine/base/assert.h"
#include "engine/replica/replication.h"
#include "server/clock_keeper.h"
#include "server/cluster/announced_address.h"
#include "server/cluster/cluster_settings.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/loop_obligations.h"
#include "server/cluster/state_exchange.h"
#include "server/cluster/user_telling.h"
#include "server/config.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeId;
using cluster::NodeIndex;
using cluster::Phase;

constexpr int64_t kLastRetryMs = 400;

NodeId draw_id() {
  NodeId id;
  for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(thread_random().next());
  return id;
}

}  // namespace

ClusterNode::ClusterNode(Server& server)
    : server_(server),
      file_(server.settings().storage == Storage::kRocksDb ? server.settings().directory : ""),
      peer_file_(server.settings().storage == Storage::kRocksDb ? server.settings().directory : ""),
      life_(thread_random().next() | 1),
      hints_(server.engine()),
      order_(server.io_threads().size()),
      healthy_(std::make_unique<std::atomic<bool>[]>(cluster::kMaxNodeNumbers)),
      leaving_(std::make_unique<std::atomic<bool>[]>(cluster::kMaxNodeNumbers)),
      stands_back_(std::make_unique<std::atomic<bool>[]>(cluster::kMaxNodeNumbers)) {}

// Its thread asks for what the others are made of.
ClusterNode::~ClusterNode() {
  life_signs_.reset();
}

engine::Status ClusterNode::open() {
  const Settings& settings = server_.settings();
  const auto invalid = [](std::string text) {
    return engine::Status(engine::StatusCode::kInvalid, std::move(text));
  };
  const auto has_address = [this, invalid] {
    return announced_address(server_.settings()).host.empty()
               ? invalid(
                     "'bind' is every address: set 'cluster-announce-ip' to the one by which others reach "
                     "this node")
               : engine::Status();
  };
  if (engine::Status status = has_address(); !status.ok()) return status;
  server_.config().on_change("cluster-announce-ip", has_address);
  ClusterMemory memory;
  if (engine::Status status = file_.load(&memory); !status.ok()) return status;
  if (!memory.id.valid()) {
    memory.id = draw_id();
    if (engine::Status status = file_.save(memory); !status.ok()) return status;
  }
  id_ = memory.id;
  records_seed_ = server_.engine().hash_seed_of_records();
  topology_ = std::make_unique<TopologyKeeper>(
      file_, std::move(memory), !joins(settings),
      TopologyKeeper::Hooks{[this](const NodeId& to, const std::string& bytes) {
                              (void)threads_.front()->links().send(to, FrameKind::kPaxos, 0, bytes);
                            },
                            [this](const cluster::Topology& topology) { adopt(topology); }});
  // One that joins learns with the topology how many replicas there are.
  const auto& decided = topology_->memory().acceptor.decided;
  if (decided || !joins(settings)) {
    if (engine::Status status = check_quorums(settings, decided ? decided->replicas : settings.replicas);
        !status.ok())
      return status;
  }
  ring_ = std::make_unique<cluster::TransitionDriver>(id_, cluster::TransitionSettings{});
  server_.keep_clock(id_);
  stamp_at_start_ = engine::last_stamp(server_.engine());
  engine::trust_stamps(server_.engine(), true);
  cluster::GossipSettings gossip;
  const ServerClock& clock = server_.clock();
  membership_ = std::make_unique<cluster::Membership>(id_, describe(), static_cast<uint64_t>(clock.wall_ms()),
                                                      gossip, clock.monotonic_us(), thread_random());
  std::vector<cluster::BusAddress> seeds;
  if (engine::Status status = read_seeds(settings, &seeds_, &seeds); !status.ok()) return status;
  for (const cluster::BusAddress& seed : seeds) membership_->add_seed(seed);

  BusOptions options;
  options.secret = settings.cluster_secret;
  // A node that is back is used as soon as every loop has reached it.
  options.last_retry_ms = kLastRetryMs;
  std::vector<BusLoop> loops;
  for (const auto& io_thread : server_.io_threads()) {
    options.log_links = threads_.empty();
    auto thread = std::make_unique<ClusterThread>(*this, *io_thread, options);
    threads_.push_back(thread.get());
    loops.push_back({&io_thread->loop(), &thread->links()});
    io_thread->join_cluster(std::move(thread));
  }
  for (const char* setting : {"quorum-r", "quorum-w", "quorum-mode", "quorum-timeout"}) {
    server_.config().on_change(setting, [this] {
      const auto placed = placement();
      const Settings& now = server_.settings();
      engine::Status status = check_quorums(now, placed ? placed->topology.replicas : now.replicas);
      if (status.ok()) refresh_defaults();
      return status;
    });
  }
  EventLoop& loop = server_.io_threads().front()->loop();
  std::vector<EventLoop*> watched;
  for (const BusLoop& each : loops) watched.push_back(each.loop);
  life_signs_ = std::make_unique<LifeSigns>(*this, options, std::move(watched));
  listener_ = std::make_unique<BusListener>(
      loop, std::move(loops), [this](AcceptedSocket socket) { life_signs_->adopt(std::move(socket)); });
  const int64_t port = own_bus_port(settings);
  if (port > 65535) return invalid("the bus port would be " + std::to_string(port) + ": set 'cluster-port'");
  if (engine::Status status =
          listener_->open(settings.bind, static_cast<int>(port), static_cast<int>(settings.tcp_backlog));
      !status.ok()) {
    return status;
  }
  threads_.front()->links().set_seeds(seeds_);
  life_signs_->start();
  const cluster::NodeDescription self = describe();
  NodeNames::of_process().learn(id_, self.host + ":" + std::to_string(self.port), self.nodename);
  log_text(LogLevel::kNotice,
           "This is the cluster's node " + node_name(id_) + ", bus port " + std::to_string(port));
  remember_peers();
  if (topology_->formed()) {
    const cluster::Topology& topology = *topology_->memory().acceptor.decided;
    if (engine::Status status = cluster::check_membership(topology, id_); !status.ok()) return status;
    if (engine::Status status = server_.engine().adopt_hash_seed(topology.hash_seed); !status.ok())
      return status;
    adopt(topology);
  }
  UserTelling::of_process().serve(server_, *this, threads_.front()->links());
  tick_timer_ = std::make_unique<Timer>(loop, [this] { on_tick(); });
  tick_timer_->start(gossip.interval_us / 1000, gossip.interval_us / 1000);
  hint_delivery_ = std::make_unique<HintDelivery>(server_, *threads_.front(), hints_);
  if (settings.storage == Storage::kRocksDb) {
    repair_ = std::make_unique<Repair>(
        server_, *threads_.front(),
        Repair::Hooks{[this] { return placement(); },
                      [this](const NodeId& peer) { return membership_->healthy(peer); },
                      [this](const NodeId& peer) { return membership_->phase(peer) == Phase::kDown; },
                      [this](uint64_t number, const std::function<void()>& done) {
                        mark_obligations(threads_, order_, number, done);
                      },
                      [this](uint64_t number, const std::function<void(cluster::PartitionSet)>& done) {
                        // Hints last: what has ended since has left its hints.
                        gather_obligations(threads_, number, [this, done](const cluster::PartitionSet& owed) {
                          done(owed | hints_.partitions());
                        });
                      },
                      [this](const cluster::PartitionSet& equal) { hints_.compared(equal); },
                      [this] { return hints_.report().waiting != 0; }, [this] { return served_epoch(); }});
  }
  publish_reports();
  return {};
}

cluster::NodeDescription ClusterNode::describe() const {
  const Settings& settings = server_.settings();
  cluster::NodeDescription description;
  AnnouncedAddress address = announced_address(settings);
  description.host = std::move(address.host);
  description.port = address.port;
  description.bus_port = address.bus_port;
  description.tls_port = address.tls_port;
  description.hostname = std::move(address.hostname);
  description.nodename = std::move(address.nodename);
  description.weight = static_cast<uint32_t>(settings.weight);
  description.rack = settings.rack;
  description.datacenter = settings.datacenter;
  const auto& decided = topology_->memory().acceptor.decided;
  description.cluster_id = decided ? decided->cluster_id : 0;
  description.topology_epoch = served_epoch();
  description.min_nodes = static_cast<uint32_t>(settings.cluster_min_nodes);
  description.replicas = static_cast<uint32_t>(settings.replicas);
  description.accepts_writes = server_.engine().writable();
  if (!decided) description.hash_seed = records_seed_;
  // Before there is a cluster nobody knows its time, which is no reason not to count on a node once there is.
  description.joins = !decided && joins(settings);
  if (repair_ != nullptr) {
    description.received = repair_->received();
    description.drops = repair_->drops();
  }
  description.stands_back = decided && server_.clock_keeper().stands_back();
  return description;
}

// --- What others may ask, on any thread.

std::shared_ptr<const cluster::Placement> ClusterNode::placement() const {
  std::lock_guard lock(mutex_);
  return placement_;
}

bool ClusterNode::tells_of(uint16_t partition) const {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  if (placement == nullptr) return true;
  const NodeIndex self = placement->self;
  return placement->runner(
             partition, true, [this, self](NodeIndex node) { return node == self || healthy(node); },
             [this](NodeIndex node) { return stands_back(node); }) == self;
}

cluster::Introduction ClusterNode::introduction() const {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  cluster::Introduction introduction;
  introduction.id = id_;
  introduction.life = life_;
  if (placement != nullptr) {
    introduction.cluster = placement->topology.cluster_id;
    introduction.epoch = placement->topology.epoch;
  }
  const AnnouncedAddress address = announced_address(server_.settings());
  introduction.address = address.host + ":" + std::to_string(address.bus_port);
  return introduction;
}

std::vector<cluster::MemberView> ClusterNode::members() const {
  std::lock_guard lock(mutex_);
  return members_;
}

cluster::GossipFigures ClusterNode::gossip_figures() const {
  std::lock_guard lock(mutex_);
  return figures_;
}

ClockReport ClusterNode::clocks() const {
  return server_.clock_keeper().report();
}

ClusterTotals ClusterNode::totals() const {
  ClusterTotals totals;
  totals.bytes_under_way = order_.bytes() + order_.large_bytes();
  for (const ClusterThread* thread : threads_) {
    const ClusterStatistics& counts = thread->statistics();
    totals.forwards += counts.forwards.get();
    totals.forwards_lost += counts.forwards_lost.get();
    totals.forwards_repeated += counts.forwards_repeated.get();
    totals.forwards_late += counts.forwards_late.get();
    totals.fan_outs += counts.fan_outs.get();
    totals.writes_shipped += counts.writes_shipped.get();
    totals.writes_failed += counts.writes_failed.get();
    totals.quorum_reads += counts.quorum_reads.get();
    totals.reads_failed += counts.reads_failed.get();
    totals.newer_fetched += counts.newer_fetched.get();
    totals.read_repairs += counts.read_repairs.get();
    totals.gaps += counts.gaps.get();
    totals.writes_overruled += counts.writes_overruled.get();
    totals.writes_refused += counts.writes_refused.get();
  }
  return totals;
}

void ClusterNode::attempt_ended() {
  for (ClusterThread* thread : threads_) {
    if (thread->waits_for_attempts()) thread->io_thread().loop().post([thread] { thread->after_attempt(); });
  }
}

int64_t ClusterNode::hint_age_seconds(const HintReport::Target& target) const {
  return std::max<int64_t>(0, server_.clock().wall_ms() - target.oldest_ms) / 1000;
}

bool ClusterNode::delivers_hints_to(const NodeId& id) const {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  const NodeIndex index = placement == nullptr ? cluster::kNoNode : placement->number_of(id);
  return index != cluster::kNoNode && healthy(index);
}

void ClusterNode::meet(const cluster::BusAddress& address) {
  run_on_first([this, address] {
    const std::string seed = address.host + ":" + std::to_string(address.port);
    if (std::find(seeds_.begin(), seeds_.end(), seed) != seeds_.end()) return;
    seeds_.push_back(seed);
    membership_->add_seed(address);
    threads_.front()->links().set_seeds(seeds_);
  });
}

bool ClusterNode::start_repair() {
  if (repair_ == nullptr) return false;
  run_on_first([this] { repair_->request(); });
  return true;
}

// --- Events of the loops.

void ClusterNode::run_on_first(std::function<void()> work) {
  EventLoop& loop = threads_.front()->io_thread().loop();
  if (loop.in_loop_thread()) return work();
  loop.post(std::move(work));
}

void ClusterNode::on_each_loop(const std::function<void(BusLinks&)>& work) {
  for (ClusterThread* thread : threads_) {
    EventLoop& loop = thread->io_thread().loop();
    if (loop.in_loop_thread()) {
      work(thread->links());
    } else {
      loop.post([thread, work] { work(thread->links()); });
    }
  }
}

void ClusterNode::on_connected(ClusterThread&, const cluster::Introduction& peer) {
  run_on_first([this, peer] {
    cluster::GossipOutput output;
    const int64_t now_us = server_.clock().monotonic_us();
    cluster::BusAddress address;
    const bool addressed = parse_bus_address(peer.address, &address);
    if (addressed) membership_->prove_address(peer.id, address, &output);
    if (membership_->description(peer.id) == nullptr) {
      if (!addressed) return;
      cluster::NodeDescription description;
      description.host = address.host;
      description.bus_port = address.port;
      (void)membership_->learn(peer.id, description, now_us, &output);
    }
    membership_->report_heard(peer.id, now_us, &output);
    take(output);
    if (!confirmed_ && this->placement() != nullptr) greet(peer.id);
    update_peers();
    if (repair_ != nullptr) repair_->peer_connected(peer.id);
    on_each_loop([id = peer.id](BusLinks& links) { links.hasten(id); });
  });
}

void ClusterNode::on_disconnected(ClusterThread& thread, const NodeId& peer) {
  const bool by_first = &thread == threads_.front();
  if (const auto placement = this->placement(); placement != nullptr) {
    const NodeIndex index = placement->number_of(peer);
    if (index != cluster::kNoNode) leaving_[index].store(false, std::memory_order_relaxed);
  }
  run_on_first([this, peer, by_first] {
    if (by_first && repair_ != nullptr) repair_->peer_lost(peer);
  });
  on_unreachable(peer);
}

void ClusterNode::on_unreachable(const NodeId& peer) {
  run_on_first([this, peer] {
    cluster::GossipOutput output;
    membership_->report_unreachable(peer, server_.clock().monotonic_us(), &output);
    take(output);
  });
}

int64_t ClusterNode::monotonic_us() const {
  return server_.clock().monotonic_us();
}

void ClusterNode::on_heard(const NodeId& peer, bool answers) {
  run_on_first([this, peer, answers] {
    if (membership_->description(peer) == nullptr) return;
    cluster::GossipOutput output;
    const int64_t now_us = server_.clock().monotonic_us();
    if (answers) {
      membership_->report_answered(peer, now_us, &output);
    } else {
      membership_->report_heard(peer, now_us, &output);
    }
    take(output);
  });
}

bool ClusterNode::has_a_say(const NodeId& peer) const {
  const std::shared_ptr<const cluster::Placement> placement = this->placement();
  return placement == nullptr || placement->number_of(peer) != cluster::kNoNode;
}

void ClusterNode::on_control_frame(ClusterThread& thread, const NodeId& peer, LinkId link, FrameKind kind,
                                   uint64_t correlation, std::string_view payload) {
  if (kind == FrameKind::kTopologyRequest) {
    const std::shared_ptr<const cluster::Placement> placement = this->placement();
    if (placement == nullptr) return;
    std::string bytes;
    cluster::encode_topology(placement->topology, &bytes);
    (void)thread.links().reply(link, FrameKind::kTopology, correlation, bytes);
    return;
  }
  // Whose connection has outlived its membership (who was to join, and the change was aborted) learns it from what it
  // goes on to say.
  if (kind != FrameKind::kTopology) {
    if (const std::string topology = topology_without(peer); !topology.empty())
      return (void)thread.links().reply(link, FrameKind::kTopology, correlation, topology);
  }
  // Strangers may talk about who is there, and ask.
  if (kind != FrameKind::kGossip && !has_a_say(peer)) return;
  run_on_first([this, peer, kind, correlation, bytes = std::string(payload)] {
    cluster::GossipOutput output;
    if (kind == FrameKind::kGossip) {
      const engine::Status status =
          membership_->receive(peer, bytes, server_.clock().monotonic_us(), &output);
      if (!status.ok())
        log_text(LogLevel::kVerbose, "Gossip of " + node_name(peer) + ": " + status.message());
      take(output);
    } else if (kind == FrameKind::kPaxos) {
      topology_->receive(peer, bytes, server_.clock().monotonic_us());
    } else if (kind == FrameKind::kTopology) {
      receive_topology(bytes);
    } else if (kind == kStateFrame && !bytes.empty()) {
      if (bytes[0] < kFirstTellingKind) {
        receive_state(server_, threads_.front()->links(), peer, bytes);
      } else {
        UserTelling::of_process().receive(peer, bytes);
      }
    } else if ((kind == FrameKind::kTree || kind == FrameKind::kTreeReply) && repair_ != nullptr) {
      repair_->receive(peer, kind, correlation, bytes);
    } else if (kind == FrameKind::kTree) {
      const std::string refusal =
          cluster::text_reply(cluster::ReplyResult::kUnavailable, "keeps its records in memory only");
      (void)threads_.front()->links().send(peer, FrameKind::kTreeReply, correlation, refusal);
    }
  });
}

// For the loop that changed them at once: whoever did so counts on it with the next command.
void ClusterNode::refresh_defaults() {
  for (ClusterThread* thread : threads_) {
    EventLoop& loop = thread->io_thread().loop();
    if (loop.in_loop_thread()) {
      thread->refresh_defaults();
    } else {
      loop.post([thread] { thread->refresh_defaults(); });
    }
  }
}

// --- The first loop.

int64_t ClusterNode::now_ms() const {
  const int64_t now_ms = server_.clock().wall_ms();
  // In the moment after a step, in which this node begins nothing, others stamp by the new time already.
  return server_.clock_keeper().confirmed() ? now_ms
                                            : std::min(now_ms, engine::stamp_wall_ms(stamp_at_start_));
}

void ClusterNode::on_tick() {
  server_.clock_keeper().tick();
  keep_time();
  describe_anew();
  cluster::GossipOutput output;
  membership_->tick(server_.clock().monotonic_us(), &output);
  take(output);
  if (!topology_->formed()) update_peers();  // Rumours come and go without an event.
  topology_->tick(server_.clock().monotonic_us());
  follow_forming();
  ask_for_topology();
  follow_ring();
  ask_for_states(server_, *this, threads_.front()->links());
  UserTelling::of_process().on_tick();
  publish_reports();
}

}  // namespace starling::server
