#include "server/cluster/settler.h"

#include <algorithm>
#include <utility>

#include "engine/core/core.h"
#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeId;
using cluster::NodeIndex;
using cluster::ReplyResult;
using cluster::Settlement;
using cluster::TreeKind;

// With appendfsync everysec a mark waits for the next sync.
constexpr int64_t kSettleTimeoutUs = 5'000'000;
// Tells these answers from those to comparisons.
constexpr uint64_t kCorrelationBit = uint64_t{1} << 62;
constexpr uint64_t kRestlessBit = uint64_t{1} << 61;
// A boot ends, as far as others rely on what was found in it, when a database is flushed, or two are swapped.
uint64_t boot_now(uint64_t boot, engine::Engine& engine) {
  engine::Keyspace& keyspace = engine.core().keyspace;
  uint64_t number = boot;
  keyspace.stripes.lock(0);  // Whoever does either has all of them.
  for (const auto& tables : keyspace.databases) number = number * 0x9e3779b97f4a7c15 + tables->space;
  keyspace.stripes.unlock(0);
  return number;
}

// What could have gone for so many rounds is not waited for to rest.
constexpr int64_t kRestlessAfterRounds = 2;
// Of a partition that changes while its count is looked at.
constexpr int kSettleAttempts = 100;
constexpr int64_t kSettleStepUs = 10'000;
constexpr size_t kReapKeys = 128;
// Pauses, in times of the step before.
constexpr int64_t kSettleGentleness = 4;

}  // namespace

// Removes what is ripe until its time is up. It may end within a partition, and then goes on there.
struct Settler::Reaping {
  std::vector<uint16_t> partitions;  // Left to do, the last one first.
  uint64_t cursor = 0;
  uint64_t reaped = 0;
  int64_t took_us = 0;
  engine::Status status;

  void run(engine::Engine& engine, const engine::Clock& clock) {
    const int64_t began_us = clock.monotonic_us();
    took_us = 0;
    while (!partitions.empty() && status.ok() && took_us < kSettleStepUs) {
      status = engine::reap(engine, partitions.back(), &cursor, kReapKeys, clock.wall_ms(), &reaped);
      if (cursor == 0) partitions.pop_back();
      took_us = clock.monotonic_us() - began_us;
    }
    (void)engine.commit();
  }
};

Settler::Settler(Server& server, ClusterThread& thread, VersionSums& sums, Hooks hooks)
    : server_(server),
      thread_(thread),
      sums_(sums),
      hooks_(std::move(hooks)),
      boot_(thread_random().next()),
      pause_(thread.io_thread().loop(), [this] { reap(); }) {}

// --- Asking.

void Settler::begin(bool urgent, std::function<void()> done) {
  const auto placement = hooks_.placement();
  urgent_ = urgent;
  ready_ = std::move(done);
  for (const cluster::Member& member : placement->topology.members) {
    if (member.id == placement->id_of(placement->self) || hooks_.reachable(member.id)) continue;
    return end("node " + node_name(member.id) + " is not reachable");
  }
  settlement_.emplace(placement);
  deadline_us_ = server_.clock().monotonic_us() + kSettleTimeoutUs;
  correlation_ = (correlation_ + 1) | kCorrelationBit;
  send(settlement_->start());
}

void Settler::send(const std::vector<Settlement::Message>& messages) {
  const cluster::Placement& placement = settlement_->placement();
  const NodeIndex self = settlement_->placement().self;
  const uint64_t correlation = correlation_;
  for (const Settlement::Message& message : messages) {
    if (message.to != self) {
      if (thread_.links().send(placement.id_of(message.to), FrameKind::kTree, correlation, message.bytes))
        continue;
      return end("node " + node_name(placement.id_of(message.to)) + " is not reachable");
    }
    cluster::Epoch epoch;
    TreeKind kind;
    if (!cluster::peek_tree(message.bytes, &epoch, &kind)) continue;
    answer(message.bytes, kind, self, [this, self, correlation](const std::string& payload) {
      // Not from within what asked.
      thread_.io_thread().loop().post([this, self, correlation, payload] {
        if (settlement_ && correlation == correlation_) take(self, payload);
      });
    });
  }
}

void Settler::send_restless(const std::vector<Settlement::Message>& messages) {
  const cluster::Placement& placement = restless_->placement();
  for (const Settlement::Message& message : messages) {
    if (message.to != placement.self) {
      // Whoever does not get it is asked again, or told by the comparison of records.
      (void)thread_.links().send(placement.id_of(message.to), FrameKind::kTree, kRestlessBit, message.bytes);
      continue;
    }
    cluster::ProvenRequest request;
    if (cluster::decode_proven(message.bytes, &request)) adopt_proven(request, placement.self);
  }
}

void Settler::ask_restless() {
  const auto placement = hooks_.placement();
  if (!restless_ || restless_->under_way() == 0) return;
  if (restless_->placement().topology.epoch != placement->topology.epoch) return restless_.reset();
  const auto sum_of = [this](uint16_t partition) -> std::optional<uint64_t> {
    sums_.observe(partition);
    if (!sums_.index().known(partition)) return std::nullopt;
    return sums_.index().sum(partition);
  };
  send_restless(restless_->ask(sum_of, server_.clock().monotonic_us()));
}

bool Settler::answered(const NodeId& peer, uint64_t correlation, std::string_view payload) {
  if ((correlation & kRestlessBit) != 0) {
    cluster::SameReply reply;
    if (restless_ && !payload.empty() && payload.front() == static_cast<char>(ReplyResult::kOk) &&
        cluster::decode_same_reply(payload.substr(1), &reply))
      send_restless(restless_->receive(restless_->placement().number_of(peer), reply));
    return true;
  }
  if ((correlation & kCorrelationBit) == 0) return false;
  if (!settlement_ || correlation != correlation_) return true;
  take(settlement_->placement().number_of(peer), payload);
  return true;
}

void Settler::take(NodeIndex from, std::string_view payload) {
  if (settlement_->state() == Settlement::State::kReady) return;  // Of an adoption: nothing depends on it.
  std::vector<Settlement::Message> next;
  switch (settlement_->receive(from, payload, &next)) {
    case Settlement::State::kFailed:
      return end("a member could not say what it owes");
    case Settlement::State::kReady:
      deadline_us_ = 0;
      ++report_.rounds;
      report_.outcome = "ok";
      if (ready_) std::exchange(ready_, nullptr)();
      return;
    default:
      if (!next.empty()) deadline_us_ = server_.clock().monotonic_us() + kSettleTimeoutUs;
      return send(next);
  }
}

void Settler::end(const std::string& outcome) {
  settlement_.reset();
  deadline_us_ = 0;
  report_.outcome = outcome;
  log_text(LogLevel::kVerbose, "Nothing can be settled: " + outcome);
  if (ready_) std::exchange(ready_, nullptr)();
}

void Settler::compared(const NodeId& peer, const cluster::PartitionSet& equal) {
  if (!settlement_ || settlement_->state() != Settlement::State::kReady) return;
  const NodeIndex index = settlement_->placement().number_of(peer);
  if (index != cluster::kNoNode) settlement_->compared(index, equal);
}

void Settler::conclude() {
  if (!settlement_) return;
  const auto placement = hooks_.placement();
  if (placement != nullptr && placement->topology.epoch == settlement_->placement().topology.epoch) {
    sums_.observe();
    hooks_.compared(settlement_->equal_everywhere());
    send(settlement_->proposals(sums_.index()));
    if (!restless_ || restless_->placement().topology.epoch != placement->topology.epoch)
      restless_.emplace(placement);
    const int64_t age_ms = kRestlessAfterRounds * server_.settings().repair_interval_seconds * 1000;
    const engine::Stamp since = engine::stamp_at(engine::stamp_wall_ms(settlement_->stamp()) - age_ms);
    restless_->add(settlement_->overdue(sums_.index(), since), *settlement_, server_.clock().monotonic_us());
  }
  settlement_.reset();
}

// --- Answering.

void Settler::question(const NodeId& peer, uint64_t correlation, std::string_view payload, TreeKind kind) {
  const auto placement = hooks_.placement();
  if (kind == TreeKind::kClock) {
    engine::Stamp stamp;
    if (cluster::decode_clock(payload, &stamp))
      (void)engine::observe_stamp(server_.engine(), stamp, server_.cluster()->now_ms());
    return;
  }
  answer(payload, kind, placement->number_of(peer), [this, peer, correlation](const std::string& bytes) {
    (void)thread_.links().send(peer, FrameKind::kTreeReply, correlation, bytes);
  });
}

void Settler::answer(std::string_view payload, TreeKind kind, NodeIndex from, Reply reply) {
  const auto refuse = [&] { reply(cluster::text_reply(ReplyResult::kRefused, "malformed request")); };
  if (kind == TreeKind::kMark) return answer_mark(std::move(reply));
  if (kind == TreeKind::kBusy) {
    cluster::Mark since;
    if (!cluster::decode_busy(payload, &since)) return refuse();
    if (since.boot != boot_now(boot_, server_.engine()))
      return reply(cluster::text_reply(ReplyResult::kUnavailable, "has started anew since"));
    return hooks_.busy(since.number, [this, reply = std::move(reply)](const cluster::PartitionSet& busy) {
      sums_.observe();
      reply(cluster::encode_busy_reply(busy, sums_.index().guarded()));
    });
  }
  if (from == cluster::kNoNode) return refuse();
  if (kind == TreeKind::kSame) {
    cluster::SameRequest request;
    return cluster::decode_same(payload, &request) ? reply(same(request)) : refuse();
  }
  if (kind == TreeKind::kProven) {
    cluster::ProvenRequest request;
    if (!cluster::decode_proven(payload, &request)) return refuse();
    return reply(cluster::encode_adopt_reply(adopt_proven(request, from)));
  }
  cluster::AdoptRequest request;
  if (!cluster::decode_adopt(payload, &request)) return refuse();
  reply(cluster::encode_adopt_reply(adopt(request, from)));
}

void Settler::answer_mark(Reply reply) {
  // First the stamp, then the mark: whatever was made before the stamp is owed by the time of the mark.
  const engine::StampPromise promise = engine::promise_stamp(server_.engine(), server_.cluster()->now_ms());
  const uint64_t number = next_mark_++;
  const uint64_t boot = boot_now(boot_, server_.engine());
  (void)server_.engine().commit();
  server_.engine().request_sync();
  hooks_.mark(number, [this, promise, boot, number, reply = std::move(reply)] {
    const int64_t deadline_us = server_.clock().monotonic_us() + kSettleTimeoutUs;
    promises_.push_back({promise.position, deadline_us, [promise, boot, number, reply] {
                           reply(cluster::encode_mark_reply({boot, number, promise.stamp}));
                         }});
    on_tick();
  });
}

bool Settler::may_settle(uint16_t partition, NodeIndex leader) const {
  const auto placement = hooks_.placement();
  const auto replicas = placement->replicas(partition);
  return !replicas.empty() && replicas.front() == leader && !placement->moving(partition) &&
         placement->holds(partition, placement->self);
}

void Settler::note_adopted(uint64_t partitions) {
  (void)server_.engine().commit();
  report_.partitions += partitions;
  if (!reaping_ && !pause_.active()) reap();
}

uint64_t Settler::adopt(const cluster::AdoptRequest& request, NodeIndex leader) {
  uint64_t adopted = 0;
  for (const auto& [partition, sum] : request.sums) {
    if (!may_settle(partition, leader)) continue;
    sums_.observe(partition);
    const cluster::VersionIndex& index = sums_.index();
    if (!index.known(partition) || index.sum(partition) != sum) continue;
    if (!engine::settle(server_.engine(), partition, request.stamp, index.change_count(partition),
                        server_.cluster()->now_ms())) {
      continue;
    }
    ++adopted;
    to_reap_.push_back(partition);
  }
  note_adopted(adopted);
  return adopted;
}

std::string Settler::same(const cluster::SameRequest& request) {
  cluster::SameReply reply{request.number, {}};
  for (const auto& [partition, sum] : request.sums) {
    sums_.observe(partition);
    const cluster::VersionIndex& index = sums_.index();
    if (index.known(partition) && index.sum(partition) == sum) reply.partitions.push_back(partition);
  }
  return cluster::encode_same_reply(reply);
}

// Of this boot only: an earlier one may have held what is lost.
uint64_t Settler::adopt_proven(const cluster::ProvenRequest& request, NodeIndex leader) {
  engine::Engine& engine = server_.engine();
  const int64_t now_ms = server_.cluster()->now_ms();
  uint64_t adopted = 0;
  for (const uint16_t partition : request.partitions) {
    if (!may_settle(partition, leader)) continue;
    // It need not rest, as what was proven stays true.
    bool settled = false;
    for (int attempt = 0; attempt < kSettleAttempts && !settled; ++attempt) {
      const uint32_t changes = engine::change_count(engine, partition);
      if (request.boot != boot_now(boot_, engine)) break;
      settled = engine::settle(engine, partition, request.stamp, changes, now_ms);
    }
    if (!settled) continue;
    ++adopted;
    to_reap_.push_back(partition);
  }
  note_adopted(adopted);
  return adopted;
}

void Settler::on_connected(const NodeId& peer) {
  const auto placement = hooks_.placement();
  if (placement == nullptr) return;
  (void)thread_.links().send(
      peer, FrameKind::kTree, 0,
      cluster::encode_clock(placement->topology.epoch, engine::last_stamp(server_.engine())));
}

void Settler::on_tick() {
  while (!promises_.empty() && server_.engine().durable(promises_.front().position)) {
    const Promise promise = std::move(promises_.front());
    promises_.pop_front();
    promise.done();
  }
  const int64_t now_us = server_.clock().monotonic_us();
  while (!promises_.empty() && promises_.front().deadline_us < now_us) promises_.pop_front();
  if (settlement_ && deadline_us_ != 0 && now_us > deadline_us_) end("not all members answered in time");
  ask_restless();
}

// --- Removing.

void Settler::reap() {
  if (reaping_ || to_reap_.empty()) return;
  reaping_ = true;
  auto step = std::make_shared<Reaping>();
  step->partitions.assign(to_reap_.rbegin(), to_reap_.rend());
  to_reap_.clear();
  server_.engine().offload(
      [this, step, &engine = server_.engine(), &clock = server_.clock(), &loop = thread_.io_thread().loop()] {
        step->run(engine, clock);
        loop.post([this, step] {
          reaping_ = false;
          report_.reaped += step->reaped;
          if (!step->status.ok()) {
            log_text(LogLevel::kWarning, "Tombstones could not be removed: " + step->status.message());
            return;
          }
          // A partition that was not finished is begun again; what is gone of it costs next to nothing.
          to_reap_.insert(to_reap_.begin(), step->partitions.rbegin(), step->partitions.rend());
          if (to_reap_.empty()) return;
          if (urgent_) return reap();
          pause_.start(std::max<int64_t>(1, kSettleGentleness * step->took_us / 1000), 0);
        });
      });
}

}  // namespace starling::server
