// Changes of the ring: what ClusterNode, TopologyKeeper, Repair and RangeDropper (server/cluster/) do around
// cluster::TopologyRegister, TransitionDriver, Receiving and LostPartitions, said again without sockets and threads.
#include <algorithm>
#include <utility>

#include "cluster/topology/ring_view.h"
#include "cluster/topology/topology_codec.h"
#include "cluster/topology/topology_messages.h"
#include "cluster/wire/data_messages.h"
#include "engine/base/assert.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {

using cluster::FrameKind;
using cluster::NodeIndex;

namespace {

constexpr int64_t kTendUs = 100'000;
constexpr int64_t kTopologyRetryUs = 1'000'000;
// While requests wait for it.
constexpr int64_t kTopologyHasteUs = 20'000;
constexpr int64_t kAnswerTimeoutUs = 2'000'000;
// As long as loops are busy they go by the topology before.
constexpr uint64_t kFollowUs = 2'000;

}  // namespace

// --- What others are told.

cluster::NodeDescription SimNode::own_description() const {
  cluster::NodeDescription description = description_of(setting_.index);
  description.accepts_writes = engine_.writable();
  const bool decided = register_->decided().has_value();
  description.stands_back = decided && stands_back(static_cast<NodeIndex>(setting_.index));
  if (!setting_.ring_changes) return description;
  description.cluster_id = decided ? register_->decided()->cluster_id : 0;
  description.topology_epoch = served_epoch();
  description.joins = !decided;
  description.received = receiving_.received();
  if (setting_.mutation == Mutation::kFlipBeforeEqual && ring_ != nullptr && ring_->topology.changing())
    description.received = ring_->topology.epoch;
  description.drops = ring_ != receiving_.placement() || lost_.left() != 0;
  return description;
}

cluster::Epoch SimNode::served_epoch() const {
  cluster::Epoch least = placement_ == nullptr ? 0 : placement_->topology.epoch;
  for (const auto& loop : loops_) {
    least = std::min(least, loop->placement == nullptr ? 0 : loop->placement->topology.epoch);
  }
  return least;
}

bool SimNode::down(NodeIndex node) const {
  return membership_->phase(node_id(node)) == cluster::Phase::kDown;
}

bool SimNode::ring_rests() const {
  return placement_ != nullptr && !placement_->topology.changing() &&
         served_epoch() == placement_->topology.epoch && ring_ == receiving_.placement() && lost_.idle() &&
         !removing_;
}

std::string SimNode::ring_waits_for() const {
  return driver_.waiting_for();
}

// --- The topology: learned, agreed on, served by.

bool SimNode::tells_removed(size_t peer) {
  const auto& decided = register_->decided();
  if (!decided || !std::binary_search(decided->removed.begin(), decided->removed.end(), node_id(peer)))
    return false;
  std::string bytes;
  cluster::encode_topology(*decided, &bytes);
  (void)post_to(peer, FrameKind::kTopology, 0, bytes);
  return true;
}

// What only members may ask for. A later topology may have made it one: it will ask again.
bool SimNode::refuses_stranger(size_t from, const Packet& packet) {
  if (!formed() || placement().is_member(static_cast<NodeIndex>(from))) return false;
  switch (packet.kind) {
    case FrameKind::kWrite:
    case FrameKind::kHint:
    case FrameKind::kVersion:
    case FrameKind::kState:
      reply(packet.loop * kMaxLinks + from, cluster::reply_kind(packet.kind), packet.correlation,
            cluster::text_reply(cluster::ReplyResult::kUnavailable, "does not know the asker as a member"));
      return true;
    case FrameKind::kGossip:
    case FrameKind::kPing:
    case FrameKind::kPong:
    case FrameKind::kTopologyRequest:
      return false;
    default:
      return true;
  }
}

void SimNode::take_topology_frame(size_t from, const Packet& packet) {
  cluster::RegisterOutput output;
  if (packet.kind == FrameKind::kTopologyRequest) {
    if (placement_ == nullptr) return;
    std::string bytes;
    cluster::encode_topology(*register_->decided(), &bytes);
    return reply(packet.loop * kMaxLinks + from, FrameKind::kTopology, 0, bytes);
  }
  if (packet.kind == FrameKind::kPaxos) {
    cluster::TopologyMessage message;
    STARLING_ASSERT(cluster::decode_topology_message(packet.payload, &message).ok());
    register_->receive(node_id(from), message, now_us(), &output);
    return act(output);
  }
  asked_for_topology_ = SIZE_MAX;
  cluster::Topology topology;
  STARLING_ASSERT(cluster::decode_topology(packet.payload, &topology).ok());
  const auto& decided = register_->decided();
  if (decided && topology.epoch <= decided->epoch) return;
  const cluster::NodeId self = node_id(setting_.index);
  const bool removed = std::binary_search(topology.removed.begin(), topology.removed.end(), self);
  if (!decided && !removed && topology.index_of(self) == cluster::kNoNode) return;
  register_->learn(topology, &output);
  act(output);
}

void SimNode::act(const cluster::RegisterOutput& output) {
  if (dismissed_) return;
  if (output.persist || output.decided) world_.save_topology(setting_.index, register_->state());
  for (const cluster::RegisterMessage& message : output.messages) {
    std::string bytes;
    cluster::encode_topology_message(message.message, &bytes);
    (void)post_to(slot_of(message.to), FrameKind::kPaxos, 0, bytes);
  }
  if (output.decided) adopt(*register_->decided());
}

void SimNode::adopt(const cluster::Topology& topology) {
  static constexpr const char* kPhases[] = {"", ": copying", ": switched"};
  if (world_.tracing())
    trace("topology of epoch " + std::to_string(topology.epoch) +
          kPhases[static_cast<size_t>(topology.transition.phase)]);
  if (!cluster::check_membership(topology, node_id(setting_.index)).ok()) {
    dismissed_ = true;
    return world_.dismiss(setting_.index);
  }
  set_placement(topology);
  for (size_t i = 0; i < loops_.size(); ++i) {
    if (i != current_) later_on(i, static_cast<int64_t>(world_.random().below(kFollowUs)), [] {});
  }
  follow_placement();
}

void SimNode::learn_members(const cluster::Topology& topology) {
  std::vector<cluster::NodeId> members;
  for (const cluster::Member& member : topology.members) members.push_back(member.id);
  agreed_.set_members(members, now_us());
  membership_->set_members(members);
  cluster::GossipOutput output;
  for (const cluster::NodeId& id : members) {
    if (slot_of(id) == setting_.index || membership_->description(id) != nullptr) continue;
    (void)membership_->learn(id, description_of(slot_of(id)), now_us(), &output);
  }
  for (const cluster::NodeId& removed : topology.removed) membership_->remove(removed);
  if (!loops_.front()->placement) return;
  take(output);
}

void SimNode::set_placement(const cluster::Topology& topology) {
  learn_members(topology);
  ring_ = world_.placement_by(topology, setting_.index);
  placement_ = ring_;
  if (setting_.mutation == Mutation::kReadEarly &&
      topology.transition.phase == cluster::TransitionPhase::kCopying) {
    cluster::Topology early = topology;
    early.transition.phase = cluster::TransitionPhase::kSwitched;
    placement_ = world_.placement_by(early, setting_.index);
  }
  lost_.keep(*ring_);
}

void SimNode::follow_placement() {
  Loop& loop = this->loop();
  if (loop.placement == placement_) return;
  if (loop.placement != nullptr) loop.coordinator.flush(now_us());
  loop.placement = placement_;
  std::shared_ptr<const cluster::Placement> counted = placement_;
  if (setting_.mutation == Mutation::kOneSet && counted->topology.changing()) {
    cluster::Topology one = counted->topology;
    if (one.transition.phase == cluster::TransitionPhase::kSwitched) one.owners = one.transition.next_owners;
    one.transition = {};
    for (cluster::Member& member : one.members) member.state = cluster::MemberState::kActive;
    counted = world_.placement_by(one, setting_.index);
  }
  loop.coordinator.set_placement(counted);
  for (const cluster::EarlyFrames::Frame& frame : loop.early.take()) {
    take_data(slot_of(frame.peer),
              {frame.kind, frame.correlation, frame.payload, nullptr, frame.link / kMaxLinks, false});
  }
}

void SimNode::newer_epoch(NodeIndex peer) {
  const bool asked = asked_for_topology_ == peer && now_us() - asked_for_topology_us_ < kTopologyHasteUs;
  if (!asked) (void)ask_for_topology(peer);
}

void SimNode::ask_for_topology() {
  if (now_us() - asked_for_topology_us_ < kTopologyRetryUs) return;
  const auto& decided = register_->decided();
  for (const cluster::MemberView& member : membership_->members()) {
    if (member.description.topology_epoch <= (decided ? decided->epoch : 0)) continue;
    if (member.phase != cluster::Phase::kAlive || !member.counts) continue;
    if (ask_for_topology(slot_of(member.id))) return;
  }
}

bool SimNode::ask_for_topology(size_t peer) {
  if (!post_to(peer, FrameKind::kTopologyRequest, 0, {})) return false;
  asked_for_topology_ = peer;
  asked_for_topology_us_ = now_us();
  return true;
}

// --- The steps of a change.

void SimNode::change_ring(cluster::RingChange change) {
  (void)driver_.request(std::move(change));
  follow_ring();
}

void SimNode::abort_change() {
  driver_.request_abort();
  follow_ring();
}

void SimNode::follow_ring() {
  cluster::RegisterOutput output;
  register_->tick(now_us(), &output);
  act(output);
  ask_for_topology();
  const auto& decided = register_->decided();
  if (dismissed_ || !decided || register_->proposing()) return;
  std::vector<cluster::RingNode> nodes = cluster::ring_view(membership_->members());
  if (setting_.mutation == Mutation::kFinishedEarly) {
    for (cluster::RingNode& node : nodes) node.epoch = decided->epoch;
  }
  const auto proposal = driver_.proposal(*decided, nodes, now_us());
  if (!proposal) return;
  output = {};
  (void)register_->propose(*proposal, now_us(), &output);
  act(output);
}

// As Repair does with each tick.
void SimNode::tend_ring() {
  later(kTendUs, [this] { tend_ring(); });
  if (ring_ == nullptr || dismissed_) return;
  if (ring_ != receiving_.placement()) {
    lost_.follow(receiving_.placement().get(), *ring_);
    receiving_.follow(ring_);
  }
  remove_lost();
  std::vector<uint64_t> late;
  for (const auto& [stretch, bringing] : bringing_) {
    if (now_us() > bringing.deadline_us) late.push_back(stretch);
  }
  for (const uint64_t stretch : late) end_bringing(stretch);
  if (receiving_.finish()) trace("has been brought what it will hold");
  while (const auto stretch = receiving_.next(now_us())) begin_bringing(*stretch);
}

void SimNode::remove_lost() {
  if (removing_ || lost_.idle()) return;
  removing_ = true;
  const auto delay_us = static_cast<int64_t>(world_.random().below(50'000));
  later(delay_us, [this, step = lost_.begin()]() mutable {
    const engine::ActorId before = actor();
    int keys = 0;
    lost_.perform(&step, gossip_random_.next() | 1, now_ms(), [&keys] { return keys++ == 0; });
    if (setting_.mutation == Mutation::kActorNotRenewed) engine_.go_back_to(before);
    removing_ = false;
    lost_.note(step);
    if (step.forgotten != 0)
      trace("has removed " + std::to_string(step.forgotten) + " records that are others'");
    remove_lost();
  });
}

// --- What is brought here.

void SimNode::begin_bringing(const cluster::Receiving::Stretch& stretch) {
  compute(stretch.partitions);
  const auto added = bringing_.emplace(
      stretch.number, Bringing{stretch, cluster::Exchange(epoch(), true, stretch.partitions)});
  Bringing& bringing = added.first->second;
  bringing.deadline_us = now_us() + kAnswerTimeoutUs;
  perform(stretch.number, bringing.exchange.start(index_));
}

void SimNode::perform(uint64_t stretch, cluster::Exchange::Action action) {
  using Kind = cluster::Exchange::Action::Kind;
  Bringing& bringing = bringing_.at(stretch);
  const NodeIndex peer = bringing.stretch.peer;
  bringing.number = next_token_++;
  switch (action.kind) {
    case Kind::kSend:
      if (!send(peer, FrameKind::kTree, bringing.number, action.message)) end_bringing(stretch);
      return;
    case Kind::kList: {
      const engine::Stamp settled = engine::settled_up_to(engine_, action.partition);
      cluster::Position until = cluster::kEndPosition;
      std::vector<cluster::VersionEntry> entries = list(action.partition, action.from, &until);
      return perform(stretch, bringing.exchange.listed(std::move(entries), until, settled));
    }
    case Kind::kPush:
      return push(peer, action.keys, [this, stretch, number = bringing.number](uint64_t failed) {
        const auto found = bringing_.find(stretch);
        if (found == bringing_.end() || found->second.number != number) return;
        perform(stretch, found->second.exchange.pushed(failed));
      });
    case Kind::kDone:
    case Kind::kFailed:
      return end_bringing(stretch);
  }
}

bool SimNode::take_brought(size_t from, uint64_t number, const std::string& payload) {
  const auto found = std::find_if(bringing_.begin(), bringing_.end(), [&](const auto& entry) {
    return entry.second.number == number && entry.second.stretch.peer == from;
  });
  if (found == bringing_.end()) return false;
  found->second.deadline_us = now_us() + kAnswerTimeoutUs;
  perform(found->first, found->second.exchange.receive(payload, index_));
  return true;
}

void SimNode::end_bringing(uint64_t stretch) {
  const auto node = bringing_.extract(stretch);
  const cluster::Exchange& exchange = node.mapped().exchange;
  for (const uint16_t partition : exchange.unfounded()) engine::doubt_tally(engine_, partition);
  receiving_.ended(stretch, exchange.equal() | exchange.brought(), now_us());
}

void SimNode::lose_bringing(size_t peer) {
  std::vector<uint64_t> lost;
  for (const auto& [stretch, bringing] : bringing_) {
    if (bringing.stretch.peer == peer) lost.push_back(stretch);
  }
  for (const uint64_t stretch : lost) end_bringing(stretch);
}

}  // namespace starling::sim
