#include "server/cluster/settler.h"

#include <algorithm>
#include <utility>

#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
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
constexpr int64_t kAnswerTimeoutUs = 5'000'000;
// Tells these answers from those to comparisons.
constexpr uint64_t kCorrelationBit = uint64_t{1} << 62;
constexpr int64_t kStepUs = 10'000;
constexpr size_t kReapKeys = 128;
// Pauses, in times of the step before.
constexpr int64_t kGentleness = 4;

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
    while (!partitions.empty() && status.ok() && took_us < kStepUs) {
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
    return end("node " + member.id.to_string().substr(0, 8) + " is not reachable");
  }
  settlement_.emplace(placement);
  deadline_us_ = server_.clock().monotonic_us() + kAnswerTimeoutUs;
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
      return end("node " + placement.id_of(message.to).to_string().substr(0, 8) + " is not reachable");
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

bool Settler::answered(const NodeId& peer, uint64_t correlation, std::string_view payload) {
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
      if (!next.empty()) deadline_us_ = server_.clock().monotonic_us() + kAnswerTimeoutUs;
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
    if (since.boot != boot_)
      return reply(cluster::text_reply(ReplyResult::kUnavailable, "has started anew since"));
    return hooks_.busy(since.number, [this, reply = std::move(reply)](const cluster::PartitionSet& busy) {
      sums_.observe();
      reply(cluster::encode_busy_reply(busy, sums_.index().guarded()));
    });
  }
  cluster::AdoptRequest request;
  if (!cluster::decode_adopt(payload, &request) || from == cluster::kNoNode) return refuse();
  reply(cluster::encode_adopt_reply(adopt(request, from)));
}

void Settler::answer_mark(Reply reply) {
  // First the stamp, then the mark: whatever was made before the stamp is owed by the time of the mark.
  const engine::StampPromise promise = engine::promise_stamp(server_.engine(), server_.cluster()->now_ms());
  const uint64_t number = next_mark_++;
  (void)server_.engine().commit();
  server_.engine().request_sync();
  hooks_.mark(number, [this, promise, number, reply = std::move(reply)] {
    const int64_t deadline_us = server_.clock().monotonic_us() + kAnswerTimeoutUs;
    promises_.push_back({promise.position, deadline_us, [this, promise, number, reply] {
                           reply(cluster::encode_mark_reply({boot_, number, promise.stamp}));
                         }});
    on_tick();
  });
}

uint64_t Settler::adopt(const cluster::AdoptRequest& request, NodeIndex leader) {
  const auto placement = hooks_.placement();
  engine::Engine& engine = server_.engine();
  uint64_t adopted = 0;
  for (const auto& [partition, sum] : request.sums) {
    const auto replicas = placement->replicas(partition);
    if (replicas.empty() || replicas.front() != leader || placement->moving(partition) ||
        !placement->holds(partition, placement->self))
      continue;
    sums_.observe(partition);
    const cluster::VersionIndex& index = sums_.index();
    if (!index.known(partition) || index.sum(partition) != sum) continue;
    if (!engine::settle(engine, partition, request.stamp, index.change_count(partition),
                        server_.cluster()->now_ms())) {
      continue;
    }
    ++adopted;
    to_reap_.push_back(partition);
  }
  (void)engine.commit();
  report_.partitions += adopted;
  if (!reaping_ && !pause_.active()) reap();
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
          pause_.start(std::max<int64_t>(1, kGentleness * step->took_us / 1000), 0);
        });
      });
}

}  // namespace starling::server
