#include "server/cluster/cluster_thread.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/forward_frame.h"
#include "server/cluster/tracking_exchange.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/process/thread_random.h"
#include "server/server.h"
#include "server/session/pubsub.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeIndex;

constexpr int64_t kTickMs = 10;
// While nothing is under way: a wake-up costs more than what it is for.
constexpr int64_t kIdleTickMs = 100;
// A tick that is later than that tells that the loop was busy, or its process stopped: not that others were.
constexpr int64_t kLateTickUs = 50'000;
// Other nodes are told that what they wait for is worked on.
constexpr int64_t kTellWorkingUs = 200'000;

}  // namespace

void ClusterThread::append(const engine::ReplicaChange& change, std::string* message) {
  cluster::append_change(
      {static_cast<uint8_t>(change.database), cluster::form_of(change.kind), change.key, change.bytes},
      message);
}

ClusterThread::ClusterThread(ClusterNode& node, IoThread& io_thread, const BusOptions& options)
    : node_(node),
      io_thread_(io_thread),
      links_(io_thread.loop(), *this, options),
      coordinator_(*this, *this, &node.order()),
      replicas_(io_thread.server().engine(), *this),
      operations_(node.operations()),
      tunnels_(io_thread, links_, *operations_,
               [this](uint64_t correlation, std::string_view reply) {
                 Forward forward;
                 if (forwards_.take(correlation, &forward))
                   finish_forward(correlation, forward, reply, false);
               }),
      replica_waits_(*this, io_thread),
      tracking_(std::make_unique<TrackingExchange>(io_thread, links_)),
      life_(thread_random().next() | 1),
      waits_life_(thread_random().next() | 1) {
  to_tell_.resize(io_thread.server().io_threads().size());
  refresh_defaults();
  tick_timer_ = std::make_unique<Timer>(io_thread.loop(), [this] { on_tick(); });
  tick_often(false);
}

ClusterThread::~ClusterThread() = default;

int64_t ClusterThread::now_us() const {
  return io_thread_.server().clock().monotonic_us();
}

int64_t ClusterThread::now_ms() const {
  return node_.now_ms();
}

cluster::Epoch ClusterThread::epoch() const {
  return placement_ == nullptr ? 0 : placement_->topology.epoch;
}

void ClusterThread::refresh_defaults() {
  const Settings& settings = io_thread_.server().settings();
  // Both were checked when they were set.
  defaults_.read = cluster::Consistency::parse(settings.quorum_read.get()).value_or(cluster::Consistency{});
  defaults_.write = cluster::Consistency::parse(settings.quorum_write.get()).value_or(cluster::Consistency{});
  defaults_.mode = static_cast<cluster::QuorumMode>(settings.quorum_mode.get());
  defaults_.timeout_ms = settings.quorum_timeout_ms;
  for (auto& passes : hopeful_) std::fill(passes.begin(), passes.end(), 0);
}

void ClusterThread::tick_often(bool often) {
  ticking_ = often;
  last_tick_us_ = now_us();
  const int64_t period_ms = often ? kTickMs : kIdleTickMs;
  tick_timer_->start(period_ms, period_ms);
}

void ClusterThread::on_tick() {
  const int64_t now = now_us();
  const int64_t late_us = now - last_tick_us_ - (ticking_ ? kTickMs : kIdleTickMs) * 1000;
  if (late_us >= kLateTickUs) {
    stood_still_us_ += late_us;
    coordinator_.excuse(late_us);
  }
  last_tick_us_ = now;
  coordinator_.tick(now);
  for (const uint64_t correlation : forwards_.overdue(now, stood_still_us_)) time_out(correlation);
  if (now - told_working_us_ >= kTellWorkingUs) {
    told_working_us_ = now;
    tell_working();
  }
  note_reachable();
  resend_parked();
  if (waits_for_attempts()) look_after_waiting();
  if (!rewritten_.empty() || !waiting_rewrites_.empty()) end_rewrites();
  if (!gathers_.empty()) leave_unhealthy();
  if (replica_waits_.any()) replica_waits_.tick(now);
  if (leaving_) follow_leaving();
  tunnels_.close_idle(now_ms());
  if (ticking_ && !under_way()) tick_often(false);
}

bool ClusterThread::attempts_under_way() const {
  return node_.undecided().any();
}

cluster::RefusedAttempts& ClusterThread::refused_attempts() {
  return node_.refused_attempts();
}

bool ClusterThread::undecided(int database, std::string_view key) const {
  return node_.undecided().contains(database, key);
}

// --- The loop.

void ClusterThread::begin_pass() {
  pass_us_ = now_us();
  ++pass_;
  follow_placement();
}

void ClusterThread::flush() {
  tracking_->send_owed();
  links_.flush();
  tunnels_.send_unsent();
  tell_origins();
  if (!ticking_ && under_way()) tick_often(true);
}

void ClusterThread::follow_placement() {
  if (node_.placement_version() == placement_version_) return;
  placement_version_ = node_.placement_version();
  std::shared_ptr<const cluster::Placement> placement = node_.placement();
  placement_ = std::move(placement);
  unreachable_since_us_.resize(std::max(unreachable_since_us_.size(), placement_->numbers_end()), 0);
  // It sends to those that are new.
  coordinator_.set_placement(placement_);
  serving_since_us_ = now_us();
  for (auto& passes : hopeful_) passes.assign(coordinator_.sets(), 0);
  alone_ = placement_->nodes().size() == 1;
  holds_everything_ = run_length(*placement_, 0, placement_->self) == engine::kPartitionCount;
  // Others may coordinate their keys now.
  io_thread_.blocked().start_all_over();
  lose_watches_elsewhere();
  tracking_->on_placement();
  served_epoch_.store(placement_->topology.epoch, std::memory_order_release);
  for (const cluster::EarlyFrames::Frame& frame : early_.take())
    on_frame(frame.peer, frame.link, frame.kind, frame.correlation, frame.payload);
}

// A node that is no member any more tells nothing of keys that are watched there.
void ClusterThread::lose_watches_elsewhere() {
  io_thread_.for_each_client([this](Client& client) {
    if (client.remote_watch && !placement_->is_member(client.remote_watch->node))
      client.remote_watch->lost = true;
  });
}

void ClusterThread::newer_epoch(NodeIndex peer) {
  node_.newer_topology_at(placement_->id_of(peer));
}

void ClusterThread::on_committed(const engine::Status& status) {
  replicas_.settle(status);
}

void ClusterThread::on_durable() {
  replicas_.on_durable();
  ship_durable_again();
  tell_origins();
}

void ClusterThread::on_client_closed(Client& client) {
  if (client.blocked_command != nullptr && client.blocked_command->forward != 0) {
    Forward forward;
    (void)forwards_.take(client.blocked_command->forward, &forward);
  }
  if (client.tunnel != nullptr || placement_ == nullptr || client.forward_nodes.empty()) return;
  ForwardFrame goodbye;
  goodbye.origin = client.id();
  const std::string payload = encode_forward(goodbye);
  for (const cluster::NodeId& node : client.forward_nodes) {
    if (node == node_.id()) {
      tunnels_.on_forward(kOwnLink, 0, payload, 0, std::nullopt);
    } else {
      (void)links_.send(node, FrameKind::kForward, 0, payload, order_of(client.id()));
    }
  }
}

// What tells of all keys is given more time than a node that does not answer any more deserves.
void ClusterThread::leave_unhealthy() {
  const auto unhealthy = [this](const cluster::NodeId& id) {
    const NodeIndex index = placement_->number_of(id);
    return index == cluster::kNoNode || !healthy(index);
  };
  for (const uint64_t correlation : forwards_.gathered_at(unhealthy)) lose_forward(correlation, "was lost");
}

// What other clients do to keys watched at the node is not told any more.
void ClusterThread::lose_watches(const cluster::NodeId& peer) {
  if (placement_ == nullptr) return;
  const NodeIndex index = placement_->number_of(peer);
  io_thread_.for_each_client([index](Client& client) {
    if (client.remote_watch && client.remote_watch->node == index) client.remote_watch->lost = true;
  });
}

// --- Bus.

cluster::Introduction ClusterThread::introduction() {
  return node_.introduction();
}

// Strangers may ask, and who was removed learns it here.
std::optional<std::string> ClusterThread::objection(const cluster::Introduction&) {
  return std::nullopt;
}

void ClusterThread::on_connected(const cluster::Introduction& peer) {
  tracking_->on_connected(peer.id);
  node_.on_connected(*this, peer);
}

void ClusterThread::on_accepted(const cluster::Introduction& peer, LinkId link) {
  std::erase_if(accepted_, [this](LinkId known) { return !links_.alive(known); });
  if (const std::string topology = node_.topology_without(peer.id); !topology.empty())
    return (void)links_.reply(link, FrameKind::kTopology, 0, topology);
  if (!leaving_ || links_.reply(link, FrameKind::kLeaving, 0, {})) accepted_.push_back(link);
  node_.on_connected(*this, peer);
}

void ClusterThread::on_heard(const cluster::NodeId& peer, bool answers) {
  node_.on_heard(peer, answers);
}

void ClusterThread::on_disconnected(const cluster::NodeId& peer, const std::string&) {
  node_.on_disconnected(*this, peer);
  if (placement_ != nullptr) {
    const NodeIndex index = placement_->number_of(peer);
    if (index != cluster::kNoNode) coordinator_.peer_lost(index);
  }
  for (const uint64_t correlation : forwards_.lost(peer)) break_forward(correlation);
  lose_watches(peer);
  tracking_->on_disconnected(peer);
}

void ClusterThread::on_frame(const cluster::NodeId& peer, LinkId link, FrameKind kind, uint64_t correlation,
                             std::string_view payload) {
  if (placement_ != nullptr && placement_->number_of(peer) == cluster::kNoNode &&
      refuse_stranger(link, kind, correlation)) {
    return;
  }
  switch (kind) {
    case FrameKind::kWrite:
    case FrameKind::kHint:
    case FrameKind::kVersion:
    case FrameKind::kState:
      follow_placement();
      if (placement_ == nullptr) {
        if (early_.keep({peer, link, kind, correlation, std::string(payload)})) return;
        return reply(
            link, cluster::reply_kind(kind), correlation,
            cluster::text_reply(cluster::ReplyResult::kUnavailable, "is not yet a member of a cluster"));
      }
      replicas_.handle(link, kind, correlation, payload);
      return note_replicas();
    case FrameKind::kWriteReply:
    case FrameKind::kHintReply:
    case FrameKind::kVersionReply:
    case FrameKind::kStateReply: {
      const NodeIndex index = placement_ == nullptr ? cluster::kNoNode : placement_->number_of(peer);
      if (index != cluster::kNoNode) coordinator_.receive(index, kind, correlation, payload);
      return;
    }
    case FrameKind::kPublish: {
      cluster::MessageReader reader(payload);
      std::string_view channel, message;
      uint64_t to_shard;
      if (!reader.read_number(&to_shard) || !reader.read_string(&channel) || !reader.read_string(&message))
        return;
      PubSub& pubsub = io_thread_.server().pubsub();
      (void)(to_shard != 0 ? pubsub.publish_to_shard(channel, message) : pubsub.publish(channel, message));
      return;
    }
    case FrameKind::kTrack:
      return tracking_->on_track(link, payload);
    case FrameKind::kInvalidate:
      return tracking_->on_invalidate(payload);
    case FrameKind::kForward:
      follow_placement();
      return tunnels_.on_forward(link, correlation, payload, links_.frame_age_us(), links_.take_payload());
    case FrameKind::kWorking:
      return on_working(correlation);
    case FrameKind::kForwardReply: {
      Forward forward;
      if (forwards_.take(correlation, &forward)) finish_forward(correlation, forward, payload, false);
      return;
    }
    case FrameKind::kLeaving:
      // Behind everything that this loop has sent to it; from here on it sends nothing more.
      node_.on_leaving(peer);
      (void)links_.reply(link, FrameKind::kLeavingReply, correlation, {});
      return;
    case FrameKind::kLeavingReply:
      if (leaving_) std::erase(accepted_, link);
      return;
    default:
      return node_.on_control_frame(*this, peer, link, kind, correlation, payload);
  }
}

// What only members may ask for. A later topology may have made it one: it will ask again.
bool ClusterThread::refuse_stranger(LinkId link, FrameKind kind, uint64_t correlation) {
  switch (kind) {
    case FrameKind::kWrite:
    case FrameKind::kHint:
    case FrameKind::kVersion:
    case FrameKind::kState: {
      follow_placement();
      const std::string refusal =
          cluster::text_reply(cluster::ReplyResult::kUnavailable, "does not know the asker as a member");
      (void)links_.reply(link, cluster::reply_kind(kind), correlation, refusal);
      return true;
    }
    case FrameKind::kPublish:
    case FrameKind::kForward:
    case FrameKind::kForwardReply:
    case FrameKind::kWorking:
    case FrameKind::kTrack:
    case FrameKind::kInvalidate:
      return true;
    default:
      return false;
  }
}

bool ClusterThread::healthy(NodeIndex index) const {
  if (index == placement_->self) return true;
  if (!placement_->is_member(index)) return false;
  return node_.healthy(index) && links_.connected(placement_->id_of(index));
}

bool ClusterThread::send(NodeIndex node, FrameKind kind, uint64_t correlation, std::string_view payload) {
  if (!placement_->is_member(node)) return false;
  return links_.send(placement_->id_of(node), kind, correlation, payload);
}

bool ClusterThread::send_shared(NodeIndex node, FrameKind kind, uint64_t correlation,
                                const cluster::SharedBytes& payload) {
  if (!placement_->is_member(node)) return false;
  return links_.send_shared(placement_->id_of(node), kind, correlation, payload);
}

void ClusterThread::reply(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload) {
  (void)links_.reply(link, kind, correlation, payload);
}

void ClusterThread::post(std::function<void()> work) {
  io_thread_.loop().post([this, work = std::move(work)] {
    work();
    note_replicas();
  });
}

// --- Replies that wait.

void ClusterThread::wake(uint64_t client_id) {
  Client* client = io_thread_.find_client(client_id);
  if (client == nullptr || client->closing) return;
  if (client->waiting == Waiting::kForNodes && !client->awaits_reply) io_thread_.resume(*client);
}

// Lets a held reply go, with `bytes` in its place unless they are empty.
void ClusterThread::release(uint64_t client_id, uint64_t held_id, std::string_view bytes) {
  Client* client = io_thread_.find_client(client_id);
  if (client == nullptr || client->closing) return;
  if (bytes.empty()) {
    client->held_replies.release(held_id);
  } else {
    client->release_with(held_id, bytes);
  }
  io_thread_.output_pending(*client);
}

void ClusterThread::refuse(Client& client, std::string_view error) {
  const uint64_t from = client.output.position();
  client.reply.error(error);
  Dispatcher::apply_reply_mode(client, from);
  if (client.transaction.open) client.discard_transaction(io_thread_.server().watches());
}

void ClusterThread::publish(std::string_view channel, std::string_view message, bool to_shard) {
  if (placement_ == nullptr) return;
  std::string payload;
  engine::append_varint(to_shard ? 1 : 0, &payload);
  engine::append_string(channel, &payload);
  engine::append_string(message, &payload);
  for (const cluster::Member& member : placement_->topology.members) {
    // Who cannot be reached misses it, as a subscriber that is not connected does.
    constexpr auto kPublished = uint64_t{static_cast<uint8_t>(FrameKind::kPublish)} << 56;
    if (member.id != node_.id()) (void)links_.send(member.id, FrameKind::kPublish, 0, payload, kPublished);
  }
}

void ClusterThread::publish(std::span<const Publication> publications) {
  PubSub& pubsub = io_thread_.server().pubsub();
  for (const auto& [channel, text, to_shard] : publications) {
    publish(channel, text, to_shard);
    (void)(to_shard ? pubsub.publish_to_shard(channel, text) : pubsub.publish(channel, text));
  }
}

}  // namespace starling::server
