// What server/cluster/repair.cc and settler.cc do around Exchange and Settlement, said again without threads:
// a node compares what it holds with each other one, and settles the partitions that it leads.
#include <algorithm>
#include <memory>
#include <utility>

#include "cluster/wire/data_messages.h"
#include "engine/base/assert.h"
#include "engine/core/core.h"
#include "engine/replica/replication.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {

using cluster::FrameKind;
using cluster::NodeIndex;
using cluster::ReplyResult;
using cluster::Settlement;
using cluster::TreeKind;

namespace {

constexpr int64_t kRoundTimeoutUs = 2'000'000;
constexpr int64_t kPushTimeoutMs = 1000;
constexpr size_t kScanKeys = 2;
constexpr uint64_t kRestlessUs = 100'000;
constexpr uint64_t kRestlessNumber = UINT64_MAX;

}  // namespace

void SimNode::schedule_round() {
  const auto delay_us = static_cast<int64_t>(300'000 + world_.random().below(1'500'000));
  later(delay_us, [this] { begin_round(); });
}

void SimNode::begin_round() {
  schedule_round();
  if (!compares_ || !formed()) return;
  if (round_ != nullptr && now_us() < round_->deadline_us) return;
  round_.reset();
  if (setting_.mutation == Mutation::kReapWithoutProof) {
    const engine::StampPromise promise = engine::promise_stamp(engine_, now_ms());
    for (const uint16_t partition : setting_.partitions) {
      (void)engine::settle(engine_, partition, promise.stamp, engine::change_count(engine_, partition),
                           now_ms());
      reap(partition);
    }
  }
  if (!sees_all()) return;
  round_ = std::make_unique<Round>(loop().placement);
  round_->number = next_token_++;
  round_->deadline_us = now_us() + kRoundTimeoutUs;
  send_settling(round_->settlement.start());
}

void SimNode::send_settling(const std::vector<Settlement::Message>& messages) {
  for (const Settlement::Message& message : messages) {
    if (message.to != placement().self) {
      (void)send(message.to, FrameKind::kTree, round_->number, message.bytes);
      continue;
    }
    later(0, [this, bytes = message.bytes, number = round_->number] {
      answer_tree(setting_.index, number, bytes);
    });
  }
}

void SimNode::reply_tree(size_t to, uint64_t number, const std::string& payload) {
  if (to != setting_.index) {
    loop().outbox.push_back({to, {FrameKind::kTreeReply, number, payload, nullptr, 0, true}});
    return;
  }
  later(0, [this, number, payload] { take_tree_reply(setting_.index, number, payload); });
}

// --- Asking

void SimNode::take_tree_reply(size_t from, uint64_t number, const std::string& payload) {
  if (take_brought(from, number, payload)) return;
  if (number == kRestlessNumber) {
    cluster::SameReply reply;
    if (restless_ && cluster::decode_same_reply(std::string_view(payload).substr(1), &reply))
      send_restless(restless_->receive(static_cast<NodeIndex>(from), reply));
    return;
  }
  if (round_ == nullptr || round_->number != number) return;
  round_->deadline_us = now_us() + kRoundTimeoutUs;
  if (round_->exchange) {
    if (from == round_->peer) perform(round_->exchange->receive(payload, index_));
    return;
  }
  if (round_->settlement.state() == Settlement::State::kReady) return;
  std::vector<Settlement::Message> next;
  const Settlement::State state = round_->settlement.receive(static_cast<NodeIndex>(from), payload, &next);
  if (state == Settlement::State::kFailed) {
    round_.reset();
    return;
  }
  send_settling(next);
  if (state != Settlement::State::kReady) return;
  for (const NodeIndex i : placement().nodes()) {
    if (i != setting_.index) round_->to_ask.push_back(i);
  }
  ask_next();
}

// As often as a few messages take, so that it finds moments.
void SimNode::ask_restless() {
  if (restless_asks_ || !restless_ || restless_->under_way() == 0) return;
  if (restless_->placement().topology.epoch != epoch()) return restless_.reset();
  restless_asks_ = true;
  later(static_cast<int64_t>(world_.random().below(kRestlessUs)), [this] {
    restless_asks_ = false;
    ask_restless();
  });
  const auto sum_of = [this](uint16_t partition) -> std::optional<uint64_t> {
    observe(partition);
    if (!index_.known(partition)) return std::nullopt;
    return index_.sum(partition);
  };
  send_restless(restless_->ask(sum_of, now_us()));
}

void SimNode::send_restless(const std::vector<Settlement::Message>& messages) {
  for (const Settlement::Message& message : messages) {
    if (message.to != placement().self) {
      (void)send(message.to, FrameKind::kTree, kRestlessNumber, message.bytes);
      continue;
    }
    cluster::ProvenRequest request;
    STARLING_ASSERT(cluster::decode_proven(message.bytes, &request));
    adopt_proven(request, placement().self);
  }
}

std::string SimNode::same(const cluster::SameRequest& request) {
  cluster::SameReply reply{request.number, {}};
  for (const auto& [partition, sum] : request.sums) {
    observe(partition);
    if (index_.known(partition) && index_.sum(partition) == sum) reply.partitions.push_back(partition);
  }
  return cluster::encode_same_reply(reply);
}

cluster::PartitionSet SimNode::common(size_t peer) const {
  cluster::PartitionSet set;
  for (const uint16_t partition : setting_.partitions) {
    set[partition] = placement().stores(partition, placement().self) &&
                     placement().stores(partition, static_cast<NodeIndex>(peer));
  }
  return set;
}

bool SimNode::shared(const cluster::PartitionSet& partitions, size_t peer) const {
  bool all = true;
  cluster::for_each_partition(partitions, [&](uint16_t partition) {
    all = all && placement().stores(partition, placement().self) &&
          placement().stores(partition, static_cast<NodeIndex>(peer));
  });
  return all;
}

void SimNode::compute(const cluster::PartitionSet& among) {
  for (const uint16_t partition : setting_.partitions) {
    if (among[partition] && !engine::tally_of(engine_, partition).tally.ripe_exact)
      engine::doubt_tally(engine_, partition);
    for (bool forward = among[partition]; forward;) {
      const engine::Status status = engine::advance_tally(engine_, partition, kScanKeys, &forward);
      STARLING_ASSERT(status.ok());
    }
    observe(partition);
    if (index_.known(partition)) check_tally(partition);
  }
}

void SimNode::observe(uint16_t partition) {
  index_.observe(partition, engine::tally_of(engine_, partition));
}

// What every change has kept true is what a scan of everything finds.
void SimNode::check_tally(uint16_t partition) {
  engine::VersionTally found;
  uint64_t cursor = 0;
  const engine::Stamp settled = engine::settled_up_to(engine_, partition);
  do {
    const engine::Status status = engine::scan_all_versions(
        engine_, partition, &cursor, kScanKeys, [&](const engine::VisitedVersion& version) {
          found.guards += version.ripe <= settled;
          if (version.ripe <= settled) return;
          found.sum += engine::version_hash(version.database, version.key, version.context);
          found.ripe = std::min(found.ripe, version.ripe);
          engine::count_siblings(version.siblings, &found.siblings);
        });
    STARLING_ASSERT(status.ok());
  } while (cursor != 0);
  const engine::VersionTally& tally = index_.tally(partition);
  STARLING_ASSERT(tally.sum == found.sum && tally.guards == found.guards && tally.siblings == found.siblings);
  STARLING_ASSERT(tally.ripe_exact ? tally.ripe == found.ripe : tally.ripe <= found.ripe);
}

bool SimNode::guards(const std::string& key) {
  const uint16_t partition = engine::Key(key).partition;
  const engine::Stamp settled = engine::settled_up_to(engine_, partition);
  bool found = false;
  uint64_t cursor = 0;
  do {
    const engine::Status status = engine::scan_all_versions(
        engine_, partition, &cursor, kScanKeys, [&](const engine::VisitedVersion& version) {
          found |= version.key == key && version.ripe <= settled;
        });
    STARLING_ASSERT(status.ok());
  } while (cursor != 0);
  return found;
}

void SimNode::ask_next() {
  if (round_->to_ask.empty()) {
    compute({});
    std::vector<Settlement::Message> proposals;
    if (round_->settlement.placement().topology.epoch == epoch())
      proposals = round_->settlement.proposals(index_);
    if (world_.tracing() && !proposals.empty())
      trace("settles up to " + std::to_string(round_->settlement.stamp()));
    const std::shared_ptr<const cluster::Placement> placed = loops_[current_]->placement;
    const bool current = round_->settlement.placement().topology.epoch == placed->topology.epoch;
    if (!restless_ || restless_->placement().topology.epoch != placed->topology.epoch)
      restless_.emplace(placed);
    // One way or the other, so that each is all there is.
    if (world_.random().below(2) == 0) {
      send_settling(proposals);
    } else if (current) {
      restless_->add(round_->settlement.overdue(index_, engine::kNeverRipe), round_->settlement, now_us());
    }
    round_.reset();
    ask_restless();
    return;
  }
  round_->peer = round_->to_ask.back();
  round_->to_ask.pop_back();
  cluster::PartitionSet included = common(round_->peer);
  // What moves is compared by those that it moves to.
  for (const uint16_t partition : setting_.partitions) {
    if (placement().moving(partition)) included[partition] = false;
  }
  compute(included);
  round_->exchange.emplace(epoch(), true, included);
  perform(round_->exchange->start(index_));
}

void SimNode::perform(cluster::Exchange::Action action) {
  using Kind = cluster::Exchange::Action::Kind;
  const auto peer = static_cast<NodeIndex>(round_->peer);
  round_->number = next_token_++;
  switch (action.kind) {
    case Kind::kSend:
      (void)send(peer, FrameKind::kTree, round_->number, action.message);
      return;
    case Kind::kList: {
      const engine::Stamp settled = engine::settled_up_to(engine_, action.partition);
      cluster::Position until = cluster::kEndPosition;
      std::vector<cluster::VersionEntry> entries = list(action.partition, action.from, &until);
      return perform(round_->exchange->listed(std::move(entries), until, settled));
    }
    case Kind::kPush:
      return push(round_->peer, action.keys, [this, number = round_->number](uint64_t failed) {
        if (round_ != nullptr && round_->number == number) perform(round_->exchange->pushed(failed));
      });
    case Kind::kDone:
    case Kind::kFailed:
      // It may be of a topology before.
      if (round_->settlement.placement().is_member(peer))
        round_->settlement.compared(peer, round_->exchange->equal());
      round_->exchange.reset();
      return ask_next();
  }
}

// --- Answering

void SimNode::answer_tree(size_t from, uint64_t number, const std::string& payload) {
  cluster::Epoch epoch;
  TreeKind kind;
  STARLING_ASSERT(cluster::peek_tree(payload, &epoch, &kind));
  if (!formed()) return;
  if (placement_->topology.epoch != epoch || served_epoch() != epoch)
    return reply_tree(from, number, cluster::stale_epoch_reply(served_epoch()));
  switch (kind) {
    case TreeKind::kMark: {
      const engine::StampPromise promise = engine::promise_stamp(engine_, now_ms());
      const uint64_t mark = next_mark_++;
      for (size_t i = 0; i < loops_.size(); ++i) {
        cluster::Obligations& obligations = loops_[i]->coordinator.obligations();
        obligations.mark(mark);
        cluster::PartitionSet handed;
        order_.add_handed(i, &handed);
        cluster::for_each_partition(handed, [&](uint16_t partition) { obligations.note(partition); });
      }
      promises_.push_back(
          {promise.position, from, number, cluster::encode_mark_reply({boot_, mark, promise.stamp})});
      engine_.request_sync();
      return;
    }
    case TreeKind::kBusy: {
      cluster::Mark since;
      STARLING_ASSERT(cluster::decode_busy(payload, &since));
      if (since.boot != boot_)
        return reply_tree(from, number, cluster::text_reply(ReplyResult::kUnavailable, "started anew"));
      cluster::PartitionSet busy = hints_.partitions();
      for (const auto& loop : loops_) loop->coordinator.add_owed(since.number, &busy);
      return reply_tree(from, number, cluster::encode_busy_reply(busy, guarded()));
    }
    case TreeKind::kAdopt: {
      cluster::AdoptRequest request;
      STARLING_ASSERT(cluster::decode_adopt(payload, &request));
      return adopt(request, from);
    }
    case TreeKind::kSame: {
      cluster::SameRequest request;
      STARLING_ASSERT(cluster::decode_same(payload, &request));
      return reply_tree(from, number, same(request));
    }
    case TreeKind::kProven: {
      cluster::ProvenRequest request;
      STARLING_ASSERT(cluster::decode_proven(payload, &request));
      return adopt_proven(request, from);
    }
    case TreeKind::kClock: {
      engine::Stamp stamp;
      STARLING_ASSERT(cluster::decode_clock(payload, &stamp));
      (void)engine::observe_stamp(engine_, stamp, now_ms());
      return;
    }
    case TreeKind::kSums: {
      cluster::SumsRequest request;
      STARLING_ASSERT(cluster::decode_sums(payload, &request));
      if (!shared(request.included, from))
        return reply_tree(from, number, cluster::text_reply(ReplyResult::kRefused, "malformed request"));
      compute(request.included);
      return reply_tree(from, number, cluster::encode_sums_reply(cluster::answer_sums(request, index_)));
    }
    case TreeKind::kList:
      return answer_list(from, number, payload);
  }
}

void SimNode::adopt(const cluster::AdoptRequest& request, size_t leader) {
  for (const auto& [partition, sum] : request.sums) {
    const auto replicas = placement().replicas(partition);
    if (replicas.front() != leader || placement().moving(partition) || !is_read(partition)) continue;
    observe(partition);
    if (!index_.known(partition) || index_.sum(partition) != sum) continue;
    if (!engine::settle(engine_, partition, request.stamp, index_.change_count(partition), now_ms()))
      continue;
    note_adopted(partition, request.stamp);
  }
}

void SimNode::adopt_proven(const cluster::ProvenRequest& request, size_t leader) {
  if (request.boot != boot_) return;
  for (const uint16_t partition : request.partitions) {
    const auto replicas = placement().replicas(partition);
    if (replicas.front() != leader || placement().moving(partition) || !is_read(partition)) continue;
    const uint32_t changes = engine::change_count(engine_, partition);
    if (!engine::settle(engine_, partition, request.stamp, changes, now_ms())) continue;
    note_adopted(partition, request.stamp);
  }
}

void SimNode::note_adopted(uint16_t partition, engine::Stamp stamp) {
  world_.note_settled(partition, stamp);
  if (world_.tracing())
    trace("partition " + std::to_string(partition) + " is settled up to " + std::to_string(stamp));
  const auto delay_us = static_cast<int64_t>(world_.random().below(50'000));
  later(delay_us, [this, partition] { reap(partition); });
}

void SimNode::reap(uint16_t partition) {
  uint64_t cursor = 0, reaped = 0;
  do {
    const engine::Status status = engine::reap(engine_, partition, &cursor, kScanKeys, now_ms(), &reaped);
    STARLING_ASSERT(status.ok());
  } while (cursor != 0);
  world_.count_reaped(reaped);
  if (setting_.mutation != Mutation::kSettledForgotten) return;
  engine::SettledStamps& settled = engine_.core().keyspace.settled;
  std::destroy_at(&settled);
  std::construct_at(&settled);
  for (const uint16_t each : setting_.partitions) engine::doubt_tally(engine_, each);
}

cluster::PartitionSet SimNode::guarded() {
  for (const uint16_t partition : setting_.partitions) observe(partition);
  return index_.guarded();
}

std::vector<cluster::VersionEntry> SimNode::list(uint16_t partition, cluster::Position from,
                                                 cluster::Position* until) {
  std::vector<cluster::VersionEntry> entries;
  uint64_t cursor = from;
  const engine::Status status = engine::scan_versions(
      engine_, partition, &cursor, kScanKeys, [&](const engine::VisitedVersion& version) {
        entries.push_back({version.database, std::string(version.key), std::string(version.context)});
      });
  STARLING_ASSERT(status.ok());
  if (cursor != 0) *until = std::min(*until, cursor);
  return entries;
}

void SimNode::answer_list(size_t from, uint64_t number, const std::string& payload) {
  cluster::ListRequest request;
  STARLING_ASSERT(cluster::decode_list(payload, &request));
  if (!shared(cluster::PartitionSet().set(request.partition), from))
    return reply_tree(from, number, cluster::text_reply(ReplyResult::kRefused, "malformed request"));
  const engine::Stamp settled = engine::settled_up_to(engine_, request.partition);
  cluster::ListReply answer;
  cluster::Position until = request.until;
  std::vector<cluster::VersionEntry> mine = list(request.partition, request.from, &until);
  answer.reached = cluster::fit_list(&mine, until);
  std::erase_if(request.entries, [&](const auto& entry) { return entry.position() >= answer.reached; });
  cluster::Comparison comparison;
  STARLING_ASSERT(cluster::compare_lists(request.entries, request.settled, mine, settled, &comparison));
  answer.differences = comparison.differences;
  answer.wanted = std::move(comparison.wanted);
  push(from, comparison.push, [this, from, number, answer](uint64_t failed) mutable {
    answer.failed = failed;
    reply_tree(from, number, cluster::encode_list_reply(answer));
  });
}

void SimNode::push(size_t peer, const cluster::KeyNames& keys, std::function<void(uint64_t failed)> done) {
  struct Work {
    size_t left;
    uint64_t failed = 0;
  };
  if (keys.empty()) return done(0);
  auto work = std::make_shared<Work>(Work{keys.size()});
  for (const auto& [database, key] : keys) {
    const engine::Key name(key);
    STARLING_ASSERT(engine_.load({database, name}).ok());
    std::string changes;
    STARLING_ASSERT(record_of(database, key, &changes));
    const auto ended = [work, done](bool stored) {
      if (!stored) ++work->failed;
      if (--work->left == 0) done(work->failed);
    };
    if (changes.empty() || !healthy(static_cast<NodeIndex>(peer))) {
      ended(changes.empty());
      continue;
    }
    const uint64_t token = next_token_++;
    pushes_.emplace(token, ended);
    const NodeIndex nodes[] = {static_cast<NodeIndex>(peer)};
    coordinator().begin_push(nodes, changes, kPushTimeoutMs, now_us(), token);
  }
}

void SimNode::keep_promises() {
  while (!promises_.empty() && engine_.durable(promises_.front().position)) {
    const Promise promise = std::move(promises_.front());
    promises_.erase(promises_.begin());
    reply_tree(promise.asker, promise.number, promise.payload);
  }
}

}  // namespace starling::sim
