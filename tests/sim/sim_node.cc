#include "tests/sim/sim_node.h"

#include <algorithm>
#include <cstring>

#include "cluster/handoff/heirs.h"
#include "cluster/wire/data_messages.h"
#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "engine/replica/record_difference.h"
#include "engine/replica/replication.h"

namespace starling::sim {

using cluster::FrameKind;
using cluster::NodeIndex;

namespace {

constexpr int64_t kGossipUs = 200'000;
constexpr uint64_t kGossipsPerPing = 10;
constexpr int64_t kEverySecondUs = 1'000'000;
// One in so many passes goes on for up to so long.
constexpr uint64_t kLongPasses = 4;
constexpr uint64_t kLongPassUs = 300;
constexpr int64_t kPushTimeoutMs = 1000;
constexpr size_t kHintsUnderWay = 16;
// Of what is brought here while the ring changes: at once in some lives, by and by in most, so that much goes on
// meanwhile.
constexpr size_t kStretches[] = {6, 1, 1};
constexpr size_t kStretch[] = {4096, 1024, 256};
constexpr int64_t kBringPauseUs = 100'000;
// Elements that make a collection a big one.
constexpr uint64_t kLeastDifference = 2;

uint64_t link_of(size_t from, const Packet& packet) {
  return packet.loop * kMaxLinks + from;
}

// The simulated time is patient where a node that starts must not go by its own clock.
cluster::ClockSettings clock_settings(const World& world, Mutation mutation) {
  cluster::ClockSettings settings;
  settings.patience_us = mutation == Mutation::kClockNotAwaited ? 0 : world.clock_patience_us();
  return settings;
}

cluster::PartitionSet partitions_of(const SimNode::Setting& setting) {
  cluster::PartitionSet set;
  for (const uint16_t partition : setting.partitions) set.set(partition);
  return set;
}

// What a difference (engine/replica/record_difference.h, behind `settled`) says of elements, and its sender's context.
// False: it is a question.
bool delta_of_difference(std::string_view bytes, engine::Delta* delta) {
  if (bytes.size() < 2 || bytes[1] == static_cast<char>(0xff)) return false;
  engine::ByteReader reader(bytes.substr(2));
  std::string_view listed, sums;
  return reader.read_string(&listed) && reader.read_string(&sums) &&
         engine::decode_delta(reader.rest(), delta).ok();
}

cluster::TransitionSettings ring_settings(const SimNode::Setting& setting) {
  cluster::TransitionSettings settings;
  if (!setting.auto_removes) return settings;
  settings.remove_after_us = 1'500'000;
  settings.replace_after_us = 700'000;
  return settings;
}

}  // namespace

cluster::NodeDescription description_of(size_t index) {
  cluster::NodeDescription description;
  description.host = "10.0.0." + std::to_string(index + 1);
  description.port = 6379;
  description.bus_port = 16379;
  description.accepts_writes = true;
  return description;
}

cluster::NodeId node_id(size_t index) {
  cluster::NodeId id;
  id.bytes[0] = static_cast<uint8_t>(index + 1);
  return id;
}

SimNode::SimNode(World& world, const SimDisk& disk, const Setting& setting)
    : world_(world),
      setting_(setting),
      agreed_(node_id(setting.index), true, clock_settings(world, setting.mutation), world.now_us(),
              world.wall_us(setting.index)),
      gossip_random_(setting.random_seed),
      engine_(disk, (read_clock(), clock_),
              {setting.actor, setting.random_seed, setting.fsync_always, setting.mutation,
               [this](std::function<void()> work) {
                 const auto delay_us = static_cast<int64_t>(world_.random().below(5000));
                 later(delay_us, std::move(work));
               },
               [this] {
                 if (std::exchange(sync_scheduled_, true)) return;
                 const auto delay_us = static_cast<int64_t>(500 + world_.random().below(10'000));
                 world_.later(setting_.index, delay_us, [this] { sync(); });
               }}),
      order_(setting.loops),
      hints_(engine_),
      compares_(setting.compares),
      driver_(node_id(setting.index), ring_settings(setting)),
      receiving_(*this,
                 {kStretches[setting.random_seed % 3], kStretch[setting.random_seed % 3], kBringPauseUs}),
      lost_(engine_, partitions_of(setting)),
      boot_(setting.boot) {
  if (setting_.last_stamp != 0) engine_.core().hybrid_clock.restore(setting_.last_stamp);
  if (setting_.mutation == Mutation::kHintsLost) {
    engine::hints_of(engine_).drop_space(engine_.core().keyspace.databases[0]->space);
  }
  stamp_at_start_ = engine::last_stamp(engine_);
  engine::trust_stamps(engine_, true);
  for (size_t i = 0; i < setting_.loops; ++i) loops_.push_back(std::make_unique<Loop>(*this));
  register_.emplace(node_id(setting_.index), setting_.topology, cluster::RegisterSettings{}, gossip_random_);
  // Nobody asks a stranger, so who is to join has to begin above what others remember of it.
  const int64_t began_ms = setting_.ring_changes ? world_.wall_us(setting_.index) / 1000 : now_ms();
  membership_.emplace(node_id(setting_.index), description_of(setting_.index),
                      static_cast<uint64_t>(std::max<int64_t>(began_ms, 1)), cluster::GossipSettings(),
                      now_us(), gossip_random_);
  if (register_->decided()) {
    set_placement(*register_->decided());
    for (size_t i = 0; i < loops_.size(); ++i) enter(i);
    enter(0);
  }
  const auto phase_us = static_cast<int64_t>(world_.random().below(kGossipUs));
  world_.later(setting_.index, phase_us, [this] { gossip(); });
  for (size_t i = 0; i < loops_.size(); ++i) later_on(i, kTickUs, [this] { tick(); });
  if (!setting_.fsync_always) world_.later(setting_.index, kEverySecondUs, [this] { sync(); });
  schedule_round();
  if (!setting_.ring_changes) return;
  // Of all other partitions there is nothing anywhere, which need not be found out.
  const cluster::PartitionSet used = partitions_of(setting_);
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    if (!used[i]) index_.set(static_cast<uint16_t>(i), engine::VersionTally(), 0);
  }
  tend_ring();
}

void SimNode::later_on(size_t loop, int64_t delay_us, std::function<void()> work) {
  world_.later(setting_.index, delay_us, [this, loop, work = std::move(work)] {
    enter(loop);
    work();
  });
}

bool SimNode::idle() const {
  const auto busy = [](const std::unique_ptr<Loop>& loop) {
    return loop->coordinator.under_way() != 0 || loop->replicas.waiting() != 0;
  };
  return std::none_of(loops_.begin(), loops_.end(), busy) && waiting_hints() == 0;
}

int64_t SimNode::now_ms() const {
  const int64_t now_ms = clock_.wall_ms();
  return knows_time_ ? now_ms : std::min(now_ms, engine::stamp_wall_ms(stamp_at_start_));
}

void SimNode::begin_pass() {
  enter(0);
  read_clock();
}

void SimNode::read_clock() {
  const bool believed = setting_.mutation == Mutation::kClockBelieved;
  const int64_t now_us = world_.now_us();
  clock_.set(believed ? world_.wall_us(setting_.index) : now_us + agreed_.base_us(), now_us);
}

// As ClusterNode does.
void SimNode::keep_time() {
  std::vector<cluster::ClockEvent> events;
  agreed_.tick(now_us(), world_.wall_us(setting_.index), &events);
  read_clock();
  membership_->set_clock(agreed_.own());
  if (agreed_.ready(now_us()) && !std::exchange(knows_time_, true)) engine::trust_stamps(engine_, false);
  if (!world_.tracing()) return;
  for (const cluster::ClockEvent& event : events) {
    static constexpr const char* kNames[] = {
        "agreed on", "jumped",      "jump is over", "jump is followed", "agreed time stepped",
        "off",       "off no more", "beyond bound", "within bound"};
    trace("clock: " + std::string(kNames[static_cast<size_t>(event.kind)]) + " " +
          std::to_string(event.offset_us) + " us" +
          (event.node.valid() ? " node " + std::to_string(slot_of(event.node)) : ""));
  }
}

bool SimNode::stands_back(NodeIndex node) const {
  if (node == setting_.index) return !agreed_.confirmed() || !agreed_.fit();
  const cluster::NodeDescription* description = membership_->description(node_id(node));
  return description != nullptr && description->stands_back;
}

void SimNode::end_pass() {
  // A pass of a busy loop: what comes soon belongs to it, too.
  Loop& loop = this->loop();
  if (loop.goes_on) return;
  const bool busy = !loop.outbox.empty() || !held_.empty() || !asked_.empty() || loop.replicas.changed();
  if (busy && world_.random().below(kLongPasses) == 0) {
    loop.goes_on = true;
    const auto more_us = static_cast<int64_t>(world_.random().below(kLongPassUs));
    return later(more_us, [this] { this->loop().goes_on = false; });
  }
  ship_handed();
  if (loop.placement != nullptr) loop.coordinator.flush(now_us());
  const engine::Status committed = engine_.commit();
  loop.replicas.settle(committed);
  if (!committed.ok() && !setting_.fsync_always) fail_unlogged(committed);
  release_held();
  for (Sent& sent : std::exchange(loop.outbox, {}))
    world_.send(setting_.index, sent.to, std::move(sent.packet));
}

void SimNode::sync() {
  sync_scheduled_ = false;
  const engine::Status synced = engine_.sync();
  if (!synced.ok() && setting_.fsync_always) fail_unlogged(synced);
  for (size_t i = 0; i < loops_.size(); ++i) later_on(i, 0, [this] { loop().replicas.on_durable(); });
  keep_promises();
  release_held();
  if (!setting_.fsync_always) world_.later(setting_.index, kEverySecondUs, [this] { sync(); });
}

// --- Timers

void SimNode::tick() {
  later(kTickUs, [this] { tick(); });
  if (!formed()) return;
  coordinator().tick(now_us());
  if (current_ != 0) return;
  for (const uint64_t correlation : forwards_.overdue(now_us(), 0)) time_out(correlation);
  resend_parked();
  watch_held();
  deliver_hints();
}

void SimNode::gossip() {
  keep_time();
  membership_->set_description(own_description());
  cluster::GossipOutput output;
  membership_->tick(now_us(), &output);
  take(output);
  if (setting_.ring_changes) follow_ring();
  connect_to_known();
  world_.later(setting_.index, kGossipUs, [this] { gossip(); });
}

void SimNode::connect_to_known() {
  for (size_t i = 0; i < setting_.slots; ++i) {
    const bool seed =
        !formed() && std::find(setting_.seeds.begin(), setting_.seeds.end(), i) != setting_.seeds.end();
    if (i == setting_.index || (!seed && membership_->description(node_id(i)) == nullptr)) continue;
    if (!connected_.contains(i)) {
      (void)world_.connect(setting_.index, i);
    } else if (world_.random().below(kGossipsPerPing) == 0) {
      (void)post_to(i, FrameKind::kPing, 0, {});
    }
  }
}

void SimNode::take(cluster::GossipOutput& output) {
  for (const cluster::GossipOutgoing& message : output.messages) {
    if (message.to.valid()) (void)post_to(slot_of(message.to), FrameKind::kGossip, 0, message.bytes);
  }
  for (const cluster::ClockMeasurement& clock : output.clocks)
    agreed_.measured(clock.node, clock.bases, clock.error_us, now_us());
  if (!output.clocks.empty() && !knows_time_) keep_time();
  if (!world_.tracing()) return;
  for (const cluster::MembershipEvent& event : output.events) {
    static constexpr const char* kNames[] = {"found",           "suspect", "down",     "back",
                                             "new description", "refuted", "forgotten"};
    trace("membership: node " + std::to_string(slot_of(event.node)) + " " +
          kNames[static_cast<size_t>(event.kind)]);
  }
}

void SimNode::connected(size_t peer, int64_t peer_clock_us) {
  if (!connected_.insert(peer).second) return;
  peer_clocks_[peer] = {};
  peer_clocks_[peer].note(peer_clock_us, clock_us());
  if (tells_removed(peer)) return;
  cluster::GossipOutput output;
  if (membership_->description(node_id(peer)) == nullptr) {
    // By the handshake its bus is known, and no more.
    cluster::NodeDescription description = description_of(peer);
    description.port = 0;
    (void)membership_->learn(node_id(peer), description, now_us(), &output);
  }
  membership_->report_heard(node_id(peer), now_us(), &output);
  take(output);
  if (!formed()) return;
  (void)send(static_cast<NodeIndex>(peer), FrameKind::kTree, 0,
             cluster::encode_clock(epoch(), engine::last_stamp(engine_)));
}

void SimNode::disconnected(size_t peer) {
  if (connected_.erase(peer) == 0) return;
  ++links_[peer];
  // What was not sent yet ends with the connection.
  for (auto& loop : loops_) std::erase_if(loop->outbox, [peer](const Sent& sent) { return sent.to == peer; });
  cluster::GossipOutput output;
  membership_->report_unreachable(node_id(peer), now_us(), &output);
  take(output);
  for (size_t i = 0; i < loops_.size(); ++i) {
    later_on(i, 0, [this, peer] {
      if (formed() && placement().is_member(static_cast<NodeIndex>(peer)))
        coordinator().peer_lost(static_cast<NodeIndex>(peer));
    });
  }
  break_forwards(peer);
  lose_bringing(peer);
}

// --- Frames

bool SimNode::healthy(NodeIndex node) const {
  if (node == placement().self) return true;
  if (!placement().is_member(node)) return false;
  const cluster::NodeDescription* description = membership_->description(node_id(node));
  return membership_->healthy(node_id(node)) && description != nullptr && description->accepts_writes &&
         connected_.contains(node);
}

bool SimNode::sees_all() const {
  if (!formed()) return false;
  const std::vector<NodeIndex>& nodes = placement().nodes();
  return std::all_of(nodes.begin(), nodes.end(), [this](NodeIndex node) { return healthy(node); });
}

bool SimNode::send(NodeIndex node, FrameKind kind, uint64_t correlation, std::string_view payload) {
  return placement().is_member(node) && post_to(node, kind, correlation, payload);
}

bool SimNode::post_to(size_t node, FrameKind kind, uint64_t correlation, std::string_view payload) {
  if (!connected_.contains(node)) return false;
  loop().outbox.push_back({node, {kind, correlation, std::string(payload), nullptr, current_}});
  return true;
}

void SimNode::reply(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload) {
  if (link == SIZE_MAX) return;
  const size_t node = link % kMaxLinks, asker = link / kMaxLinks;
  loop().outbox.push_back({node, {kind, correlation, std::string(payload), nullptr, asker, true}});
}

void SimNode::post(std::function<void()> work) {
  later(0, std::move(work));
}

void SimNode::receive(size_t from, const Packet& packet) {
  // A reply comes back to the loop that asked; which loop serves a link was decided when it was accepted.
  enter((packet.reply ? packet.loop : packet.loop + from) % loops_.size());
  if (refuses_stranger(from, packet)) return;
  switch (packet.kind) {
    case FrameKind::kWrite:
    case FrameKind::kHint:
    case FrameKind::kVersion:
    case FrameKind::kState:
      return take_data(from, packet);
    case FrameKind::kPaxos:
    case FrameKind::kTopology:
    case FrameKind::kTopologyRequest:
      return take_topology_frame(from, packet);
    case FrameKind::kGossip: {
      if (tells_removed(from)) return;
      cluster::GossipOutput output;
      (void)membership_->receive(node_id(from), packet.payload, now_us(), &output);
      return take(output);
    }
    case FrameKind::kPing: {
      std::string clock;
      engine::append_u64(static_cast<uint64_t>(clock_us()), &clock);
      return reply(from, FrameKind::kPong, 0, clock);
    }
    case FrameKind::kPong: {
      engine::ByteReader reader(packet.payload);
      uint64_t peer_clock_us;
      STARLING_ASSERT(reader.read_u64(&peer_clock_us));
      return peer_clocks_[from].note(static_cast<int64_t>(peer_clock_us), clock_us());
    }
    case FrameKind::kForward:
      return take_forward(from, packet.correlation, packet.payload);
    case FrameKind::kForwardReply:
      return take_forward_reply(packet);
    case FrameKind::kTree:
      return answer_tree(from, packet.correlation, packet.payload);
    case FrameKind::kTreeReply:
      return take_tree_reply(from, packet.correlation, packet.payload);
    default:
      if (!formed()) return;
      return coordinator().receive(static_cast<NodeIndex>(from), packet.kind, packet.correlation,
                                   packet.payload);
  }
}

void SimNode::take_data(size_t from, const Packet& packet) {
  if (!formed()) {
    const uint64_t link = link_of(from, packet);
    if (loop().early.keep({node_id(from), link, packet.kind, packet.correlation, packet.payload})) return;
    reply(link, cluster::reply_kind(packet.kind), packet.correlation,
          cluster::text_reply(cluster::ReplyResult::kUnavailable, "is not yet a member of a cluster"));
  } else if (packet.kind == FrameKind::kWrite || packet.kind == FrameKind::kHint) {
    store(from, packet);
  } else {
    loop().replicas.handle(link_of(from, packet), packet.kind, packet.correlation, packet.payload);
  }
}

void SimNode::store(size_t from, const Packet& packet) {
  if (world_.tracing()) {
    trace(std::string(cluster::frame_kind_name(packet.kind)) + " " + std::to_string(packet.correlation) +
          " from node " + std::to_string(from));
  }
  if (setting_.mutation == Mutation::kAckBeforeApply) {
    reply(link_of(from, packet), cluster::reply_kind(packet.kind), packet.correlation,
          cluster::begin_reply(cluster::ReplyResult::kOk));
    later(200'000, [this, packet] {
      loop().replicas.handle(SIZE_MAX, packet.kind, packet.correlation, packet.payload);
    });
    return;
  }
  const bool forgets = setting_.mutation == Mutation::kDifferenceForgets;
  const bool rewrites = setting_.mutation == Mutation::kDeltaOverGap ||
                        setting_.mutation == Mutation::kConditionIgnored ||
                        setting_.mutation == Mutation::kOldEpochAccepted || forgets;
  if (!rewrites || packet.kind != FrameKind::kWrite) {
    return loop().replicas.handle(link_of(from, packet), packet.kind, packet.correlation, packet.payload);
  }
  cluster::MessageReader reader(packet.payload);
  cluster::Epoch epoch;
  STARLING_ASSERT(reader.read_epoch(&epoch));
  if (setting_.mutation == Mutation::kOldEpochAccepted) epoch = std::max(epoch, this->epoch());
  std::string payload = cluster::begin_request(epoch);
  cluster::Change change;
  while (!reader.at_end() && reader.read_change(&change)) {
    engine::Delta delta;
    std::string bytes(change.body);
    std::string_view body = bytes;
    const engine::Stamp settled = engine::take_settled(&body);
    if (forgets && change.form == cluster::ChangeForm::kDifference && delta_of_difference(body, &delta)) {
      // What was removed is not looked for.
      bytes.clear();
      engine::encode_delta(delta, &bytes);
      change.form = cluster::ChangeForm::kDelta;
    }
    if (setting_.mutation == Mutation::kDeltaOverGap && change.form == cluster::ChangeForm::kDelta &&
        engine::decode_delta(body, &delta).ok()) {
      delta.base = {};
      bytes.clear();
      engine::append_settled(settled, &bytes);
      engine::encode_delta(delta, &bytes);
    }
    cluster::Condition condition;
    if (setting_.mutation == Mutation::kConditionIgnored && change.form == cluster::ChangeForm::kIf &&
        cluster::read_condition(change.body, &condition)) {
      change.form = cluster::ChangeForm::kRecord;
      bytes = condition.record;
    }
    change.body = bytes;
    cluster::append_change(change, &payload);
  }
  loop().replicas.handle(link_of(from, packet), packet.kind, packet.correlation, payload);
}

// --- Hints and gaps

bool SimNode::hint(NodeIndex target, std::string_view keys) {
  if (world_.tracing()) {
    cluster::MessageReader reader(keys);
    cluster::KeyName name;
    while (!reader.at_end() && reader.read_key(&name)) {
      trace("keeps a hint of " + std::string(name.key) + " for node " + std::to_string(target));
    }
  }
  return hints_.keep(node_id(target), keys, now_ms());
}

void SimNode::gap(const cluster::Gap& gap) {
  if (world_.tracing())
    trace("node " + std::to_string(gap.peer) + " has a gap in " + std::string(gap.key.key));
  if (gap.written) world_.note_gap(setting_.index);
  if (setting_.mutation == Mutation::kGapNotMended) return;
  mend(std::make_shared<const Missing>(Missing{gap.repair, gap.key.database, std::string(gap.key.key),
                                               std::string(gap.seen), std::string(gap.listed)}));
}

// Collections are small here, and brought by difference all the same.
void SimNode::mend(const std::shared_ptr<const Missing>& missing) {
  const engine::KeyRef reference{missing->database, engine::Key(missing->key)};
  engine::Operation operation(engine_, now_ms());
  operation.lock(reference);
  if (!operation.resident(reference)) {
    operation.finish();
    engine_.fetch({reference}, [this, missing](const engine::Status& status) {
      if (status.ok()) mend(missing);
    });
    return;
  }
  engine::Replica replica(operation, missing->database);
  std::string body, change, context;
  cluster::ChangeForm form = cluster::ChangeForm::kDifference;
  if (!engine::append_difference(operation, missing->database, reference.key, missing->seen, missing->listed,
                                 &body, kLeastDifference)) {
    form = cluster::ChangeForm::kRecord;
    (void)replica.append_state(reference.key, &body);
    body = pruned(std::move(body));
  }
  (void)replica.append_version(reference.key, &context);
  operation.finish();
  if (!body.empty())
    cluster::append_change({static_cast<uint8_t>(missing->database), form, missing->key, body}, &change);
  world_.count_mended(form == cluster::ChangeForm::kDifference);
  coordinator().mend(missing->repair, change, context);
}

std::string SimNode::pruned(std::string record) const {
  engine::Record decoded;
  std::string_view bytes = record;
  const engine::Stamp settled = engine::take_settled(&bytes);
  if (setting_.mutation != Mutation::kPruneInRepair || !engine::decode_record(bytes, &decoded).ok()) {
    return record;
  }
  decoded.prune_context(1);
  record.clear();
  engine::append_settled(settled, &record);
  engine::encode_record(decoded, &record);
  return record;
}

bool SimNode::append_record(engine::Operation& operation, const engine::KeyRef& key,
                            cluster::ChangeForm* form, std::string* record) const {
  if (engine::worth_a_difference(operation, key.database, key.key, kLeastDifference)) {
    *form = cluster::ChangeForm::kDifference;
    engine::append_probe(operation, key.database, key.key, record);
    return true;
  }
  *form = cluster::ChangeForm::kRecord;
  if (!engine::Replica(operation, key.database).append_state(key.key, record)) return false;
  *record = pruned(std::move(*record));
  return true;
}

bool SimNode::record_of(int database, std::string_view name, std::string* change, std::string* context) {
  const engine::Key key(name);
  engine::Operation operation(engine_, now_ms());
  operation.lock({database, key});
  const bool resident = operation.resident({database, key});
  std::string record;
  cluster::ChangeForm form;
  if (resident && append_record(operation, {database, key}, &form, &record)) {
    if (context != nullptr) (void)engine::Replica(operation, database).append_version(key, context);
    cluster::append_change({static_cast<uint8_t>(database), form, name, record}, change);
  }
  operation.finish();
  return resident;
}

void SimNode::deliver_hints() {
  std::map<size_t, size_t> under_way;
  for (const auto& [token, delivery] : hints_under_way_) ++under_way[delivery.target];
  for (const NodeIndex i : placement().nodes()) {
    if (i == setting_.index || hints_.waiting(node_id(i)) == 0 || !healthy(i)) continue;
    if (under_way[i] >= kHintsUnderWay) continue;
    for (const server::Hint& hint : hints_.take(node_id(i), kHintsUnderWay - under_way[i], now_us())) {
      const cluster::NodeId to = cluster::recipient(placement(), node_id(i), engine::partition_of(hint.key),
                                                    [this](NodeIndex node) { return healthy(node); });
      const bool dropped = setting_.mutation == Mutation::kMovedHintDropped && to != node_id(i);
      if (!to.valid() || dropped) {
        finish_hint(i, hint, {.stored = true, .bytes = 0, .context = {}});
      } else {
        send_record(slot_of(to), i, hint);
      }
    }
  }
  bequeath();
}

void SimNode::bequeath() {
  const auto heir = [this](uint16_t partition) { return cluster::heir(placement(), partition); };
  for (const server::HintReport::Target& target : hints_.report().targets) {
    if (placement().number_of(target.id) == cluster::kNoNode)
      (void)hints_.bequeath(target.id, heir, now_ms());
  }
}

void SimNode::send_record(size_t to, size_t target, const server::Hint& hint) {
  const auto index = static_cast<NodeIndex>(to);
  if (!healthy(index)) return finish_hint(target, hint, {});
  std::string changes;
  server::HandedOver result;
  if (!record_of(hint.database, hint.key, &changes, &result.context)) {
    auto name = std::make_shared<std::string>(hint.key);
    engine_.fetch({{hint.database, engine::Key(*name)}},
                  [this, to, target, hint, name](const engine::Status&) { send_record(to, target, hint); });
    return;
  }
  result.stored = changes.empty();
  result.bytes = changes.size();
  if (changes.empty()) return finish_hint(target, hint, result);
  const uint64_t token = next_token_++;
  hints_under_way_.emplace(token, HandOver{target, hint, std::move(result)});
  const NodeIndex nodes[] = {index};
  coordinator().begin_push(nodes, changes, kPushTimeoutMs, now_us(), token);
}

void SimNode::finish_hint(size_t target, const server::Hint& hint, const server::HandedOver& result) {
  if (result.stored) trace("handed " + hint.key + " over to node " + std::to_string(target));
  hints_.finish(
      node_id(target), hint, result, [this](uint16_t partition) { return holds(partition); }, now_ms());
}

std::vector<std::pair<std::string, std::string>> SimNode::hints() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const engine::HintName& hint : engine::hints_of(engine_).names())
    all.emplace_back(hint.target, hint.key);
  std::sort(all.begin(), all.end());
  return all;
}

// --- For the end of a run

std::string SimNode::state_of(const std::string& name) {
  const engine::Key key(name);
  STARLING_ASSERT(engine_.load({0, key}).ok());
  std::string state;
  engine::Operation operation(engine_, now_ms());
  operation.lock({0, key});
  STARLING_ASSERT(operation.resident({0, key}));
  (void)engine::Replica(operation, 0).append_state(key, &state);
  operation.finish();
  return state;
}

bool SimNode::merge(const std::string& name, std::string_view state) {
  const engine::Key key(name);
  STARLING_ASSERT(engine_.load({0, key}).ok());
  engine::Operation operation(engine_, now_ms());
  operation.lock({0, key});
  STARLING_ASSERT(operation.resident({0, key}));
  const engine::MergeOutcome outcome = engine::Replica(operation, 0).merge_state(key, state);
  operation.finish();
  return outcome == engine::MergeOutcome::kApplied || outcome == engine::MergeOutcome::kUnchanged;
}

}  // namespace starling::sim
