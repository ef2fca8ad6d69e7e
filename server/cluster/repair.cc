#include "server/cluster/repair.h"

#include <algorithm>
#include <utility>

#include "engine/replica/replication.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/process/node_names.h"
#include "server/server.h"

namespace starling::server {
namespace {

using cluster::FrameKind;
using cluster::NodeId;
using cluster::ReplyResult;
using Kind = cluster::Exchange::Action::Kind;

constexpr int64_t kTickMs = 100;
// The answerer may have to scan what it holds first.
constexpr int64_t kAnswerTimeoutUs = 60'000'000;
// Records on their way to one peer, for one question.
constexpr size_t kRecordsUnderWay = 256;
// After start-up: links come up, hints go first.
constexpr int64_t kFirstRoundUs = 3'000'000;
// Of one peer at once: more than it asks (ask_for_handoff()).
constexpr size_t kMostQuestions = 40;

}  // namespace

struct Repair::Push {
  NodeId peer;
  cluster::KeyNames keys;
  size_t next = 0, under_way = 0;
  uint64_t failed = 0;
  bool sending = false;
  std::function<void(uint64_t failed)> done;
};

Repair::Repair(Server& server, ClusterThread& thread, Hooks hooks)
    : server_(server),
      thread_(thread),
      hooks_(std::move(hooks)),
      sums_(server.engine(), thread.io_thread().loop(), server.clock()),
      settler_(server, thread, sums_,
               {hooks_.placement,
                [this](const NodeId& id) { return hooks_.healthy(id) && thread_.links().connected(id); },
                hooks_.mark, hooks_.busy, hooks_.compared}),
      dropper_(server, thread),
      tick_timer_(thread.io_thread().loop(), [this] { on_tick(); }),
      next_round_us_(server.clock().monotonic_us() + kFirstRoundUs) {
  sums_.recall(server.settings().directory);
  tick_timer_.start(kTickMs, kTickMs);
}

void Repair::remember_sums() {
  const engine::Status status = sums_.remember(server_.settings().directory);
  if (!status.ok()) {
    log_text(LogLevel::kWarning, "The next start will read all versions anew: " + status.message());
  }
}

void Repair::request() {
  requested_ = true;
  {
    std::lock_guard lock(mutex_);
    report_.running = true;
  }
  on_tick();
}

void Repair::on_tick() {
  const int64_t now_us = server_.clock().monotonic_us();
  settler_.on_tick();
  follow_ring();
  std::vector<uint64_t> late;
  for (const auto& [number, asking] : asking_) {
    if (asking.deadline_us != 0 && now_us > asking.deadline_us) late.push_back(number);
  }
  for (const uint64_t number : late) finish(number, "no answer in time");
  (void)ask_for_handoff();
  if (!in_round_) {
    const int64_t interval_s = server_.settings().repair_interval_seconds;
    if (requested_ || (interval_s > 0 && now_us >= next_round_us_))
      begin_round(std::exchange(requested_, false));
  }
  publish();
}

// --- Asking.

void Repair::begin_round(bool urgent) {
  const auto placement = hooks_.placement();
  if (placement == nullptr) return;
  in_round_ = true;
  urgent_ = urgent;
  sums_.index().begin_round();
  to_ask_.clear();
  sums_asked_for_ = false;
  round_whole_ = true;
  round_differences_ = 0;
  for (const cluster::Member& member : placement->topology.members) {
    if (member.id != placement->id_of(placement->self)) to_ask_.push_back(member.id);
  }
  settler_.begin(urgent, [this] { ask_next(); });
}

void Repair::ask_next() {
  while (!to_ask_.empty()) {
    const NodeId peer = to_ask_.front();
    to_ask_.pop_front();
    if (!hooks_.healthy(peer) || !thread_.links().connected(peer)) {
      round_whole_ = false;
      std::lock_guard lock(mutex_);
      peers_[peer].report.outcome = "not reachable";
      continue;
    }
    const auto placement = hooks_.placement();
    // What moves is compared by those that it moves to.
    cluster::PartitionSet included = common(*placement, peer);
    for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
      if (included[i] && placement->moving(static_cast<uint16_t>(i))) included[i] = false;
    }
    return ask(peer, included, urgent_, 0);
  }
  if (!std::exchange(sums_asked_for_, true)) return compute_unshared();
  settler_.conclude();
  in_round_ = false;
  note_caught_up();
  next_round_us_ = server_.clock().monotonic_us() + server_.settings().repair_interval_seconds * 1'000'000;
  {
    std::lock_guard lock(mutex_);
    ++report_.rounds;
  }
  publish();
}

// What this node alone holds is compared with nobody, and settles by what the members owe. Its sums are needed all
// the same: they say where tombstones are.
void Repair::compute_unshared() {
  const auto placement = hooks_.placement();
  cluster::PartitionSet unshared;
  for (uint32_t i = 0; placement->preference.width() == 1 && i < engine::kPartitionCount; ++i)
    unshared[i] = placement->holds(static_cast<uint16_t>(i), placement->self);
  if (unshared.none()) return ask_next();
  sums_.compute(unshared, urgent_, [this](const engine::Status& status) {
    if (!status.ok()) log_text(LogLevel::kWarning, "Versions could not be read: " + status.message());
    // Not from within what called this.
    thread_.io_thread().loop().post([this] { ask_next(); });
  });
}

void Repair::ask(const NodeId& peer, const cluster::PartitionSet& included, bool urgent, uint64_t stretch) {
  const auto placement = hooks_.placement();
  const uint64_t number = ++exchange_number_;
  asking_.emplace(number, Asking{peer, cluster::Exchange(placement->topology.epoch, urgent, included),
                                 server_.clock().monotonic_us(), stretch});
  sums_.compute(included, urgent, [this, number](engine::Status status) {
    const auto found = asking_.find(number);
    if (found == asking_.end()) return;
    if (!status.ok()) return finish(number, status.message());
    sums_.index().begin_comparison();
    perform(number, found->second.exchange.start(sums_.index()));
  });
}

void Repair::perform(uint64_t number, cluster::Exchange::Action action) {
  Asking& asking = asking_.find(number)->second;
  switch (action.kind) {
    case Kind::kSend:
      asking.correlation = next_correlation_++;
      asking.deadline_us = server_.clock().monotonic_us() + kAnswerTimeoutUs;
      if (!thread_.links().send(asking.peer, FrameKind::kTree, asking.correlation, action.message))
        finish(number, "not reachable");
      return;
    case Kind::kList: {
      const engine::Stamp settled = engine::settled_up_to(server_.engine(), action.partition);
      return list(action.partition, action.from, cluster::kEndPosition,
                  [this, number, settled](engine::Status status, std::vector<cluster::VersionEntry> entries,
                                          cluster::Position until) {
                    const auto found = asking_.find(number);
                    if (found == asking_.end()) return;
                    if (!status.ok()) return finish(number, status.message());
                    perform(number, found->second.exchange.listed(std::move(entries), until, settled));
                  });
    }
    case Kind::kPush:
      return push(asking.peer, std::move(action.keys), [this, number](uint64_t failed) {
        const auto found = asking_.find(number);
        if (found != asking_.end()) perform(number, found->second.exchange.pushed(failed));
      });
    case Kind::kDone:
      return finish(number, "ok");
    case Kind::kFailed:
      return finish(number, action.reason);
  }
}

void Repair::finish(uint64_t number, const std::string& outcome) {
  const auto node = asking_.extract(number);
  const Asking& asking = node.mapped();
  // Should a sum be wrong for all that, it heals.
  for (const uint16_t partition : asking.exchange.unfounded()) sums_.doubt(partition);
  note_finished(asking, outcome);
  if (asking.stretch != 0) {
    note_brought(asking);
    thread_.io_thread().loop().post([this] { (void)ask_for_handoff(); });
    return;
  }
  settler_.compared(asking.peer, asking.exchange.equal());
  // Not from within what called this.
  thread_.io_thread().loop().post([this] { ask_next(); });
}

void Repair::note_finished(const Asking& asking, const std::string& outcome) {
  const cluster::ExchangeFigures& figures = asking.exchange.figures();
  const int64_t now_us = server_.clock().monotonic_us();
  const int64_t duration_ms = (now_us - asking.began_us) / 1000;
  {
    std::lock_guard lock(mutex_);
    report_.messages += figures.messages;
    report_.bytes += figures.bytes;
    report_.differences += figures.differences;
    PeerState& peer = peers_[asking.peer];
    peer.report.id = asking.peer;
    peer.report.duration_ms = duration_ms;
    peer.report.figures = figures;
    peer.report.outcome = outcome;
    if (outcome == "ok") peer.ended_us = now_us;
  }
  if (asking.stretch == 0) {
    round_whole_ = round_whole_ && outcome == "ok" && figures.failed == 0;
    round_differences_ += figures.differences;
  }
  const std::string name = "node " + node_name(asking.peer);
  if (figures.differences != 0 && asking.stretch == 0) {
    log_text(LogLevel::kNotice, "Repair with " + name + ": " + std::to_string(figures.differences) +
                                    " keys differed, in " + std::to_string(figures.partitions) +
                                    " partitions; " + std::to_string(figures.failed) + " not brought, " +
                                    std::to_string(figures.bytes) + " bytes compared, " +
                                    std::to_string(duration_ms) + " ms");
  }
  if (outcome != "ok") log_text(LogLevel::kVerbose, "Repair with " + name + " ended: " + outcome);
}

void Repair::note_caught_up() {
  if (caught_up_ || !round_whole_ || peers_.empty()) return;
  caught_up_ = true;
  log_text(LogLevel::kNotice,
           "This node has caught up: it was compared with all other members, " +
               (round_differences_ == 0 ? "and nothing differed"
                                        : std::to_string(round_differences_) + " keys differed"));
}

void Repair::peer_lost(const NodeId& peer) {
  std::vector<uint64_t> lost;
  for (const auto& [number, asking] : asking_) {
    if (asking.peer == peer) lost.push_back(number);
  }
  for (const uint64_t number : lost) finish(number, "the connection was lost");
}

void Repair::receive(const NodeId& peer, FrameKind kind, uint64_t correlation, std::string_view payload) {
  if (kind == FrameKind::kTree) return answer(peer, correlation, payload);
  if (settler_.answered(peer, correlation, payload)) return;
  const auto found = std::find_if(asking_.begin(), asking_.end(), [&](const auto& asking) {
    return asking.second.peer == peer && asking.second.correlation == correlation;
  });
  if (found == asking_.end()) return;
  Asking& asking = found->second;
  asking.correlation = 0;
  asking.deadline_us = 0;
  // Only of sums: of a list it would say nothing that counts.
  if (asking.exchange.figures().messages == 1) sums_.observe();
  perform(found->first, asking.exchange.receive(payload, sums_.index()));
}

// --- Answering.

void Repair::answer(const NodeId& peer, uint64_t correlation, std::string_view payload) {
  {
    std::lock_guard lock(mutex_);
    ++report_.messages;
    report_.bytes += payload.size();
  }
  const auto refuse = [&](ReplyResult result, std::string_view why) {
    (void)thread_.links().send(peer, FrameKind::kTreeReply, correlation, cluster::text_reply(result, why));
  };
  const auto placement = hooks_.placement();
  cluster::Epoch epoch;
  cluster::TreeKind kind;
  if (!cluster::peek_tree(payload, &epoch, &kind)) return refuse(ReplyResult::kRefused, "malformed request");
  if (placement == nullptr || placement->topology.epoch != epoch || hooks_.served_epoch() != epoch) {
    const cluster::Epoch mine = placement == nullptr ? 0 : hooks_.served_epoch();
    (void)thread_.links().send(peer, FrameKind::kTreeReply, correlation, cluster::stale_epoch_reply(mine));
    return;
  }
  if (kind != cluster::TreeKind::kSums && kind != cluster::TreeKind::kList)
    return settler_.question(peer, correlation, payload, kind);
  if (answering_[peer] >= kMostQuestions)
    return refuse(ReplyResult::kUnavailable, "busy with another question");
  const cluster::NodeIndex index = placement->number_of(peer);
  if (kind == cluster::TreeKind::kSums) {
    cluster::SumsRequest request;
    if (!cluster::decode_sums(payload, &request) || (request.included & ~common(*placement, peer)).any())
      return refuse(ReplyResult::kRefused, "malformed request");
    ++answering_[peer];
    return answer_sums(peer, correlation, request);
  }
  cluster::ListRequest request;
  if (index == cluster::kNoNode || !cluster::decode_list(payload, &request) ||
      !placement->stores(request.partition, placement->self) || !placement->stores(request.partition, index))
    return refuse(ReplyResult::kRefused, "malformed request");
  ++answering_[peer];
  answer_list(peer, correlation, std::move(request));
}

void Repair::answer_sums(const NodeId& peer, uint64_t correlation, const cluster::SumsRequest& request) {
  const cluster::PartitionSet included = request.included;
  sums_.compute(included, request.urgent, [this, peer, correlation, request](engine::Status status) {
    if (!status.ok()) {
      return reply(peer, correlation, cluster::text_reply(ReplyResult::kUnavailable, status.message()));
    }
    reply(peer, correlation, cluster::encode_sums_reply(cluster::answer_sums(request, sums_.index())));
  });
}

void Repair::answer_list(const NodeId& peer, uint64_t correlation, cluster::ListRequest request) {
  const uint16_t partition = request.partition;
  const cluster::Position from = request.from, until = request.until;
  const engine::Stamp settled = engine::settled_up_to(server_.engine(), partition);
  list(
      partition, from, until,
      [this, peer, correlation, settled, request = std::move(request)](
          engine::Status status, std::vector<cluster::VersionEntry> mine, cluster::Position reached) mutable {
        if (status.ok())
          return compare(peer, correlation, std::move(request), std::move(mine), reached, settled);
        reply(peer, correlation, cluster::text_reply(ReplyResult::kUnavailable, status.message()));
      });
}

void Repair::compare(const NodeId& peer, uint64_t correlation, cluster::ListRequest request,
                     std::vector<cluster::VersionEntry> mine, cluster::Position until,
                     engine::Stamp settled) {
  cluster::ListReply answer;
  answer.reached = cluster::fit_list(&mine, until);
  std::erase_if(request.entries,
                [&](const cluster::VersionEntry& entry) { return entry.position() >= answer.reached; });
  cluster::Comparison comparison;
  if (!cluster::compare_lists(request.entries, request.settled, mine, settled, &comparison)) {
    return reply(peer, correlation, cluster::text_reply(ReplyResult::kRefused, "malformed request"));
  }
  answer.differences = comparison.differences;
  answer.wanted = std::move(comparison.wanted);
  push(peer, std::move(comparison.push),
       [this, peer, correlation, answer = std::move(answer)](uint64_t failed) mutable {
         answer.failed = failed;
         reply(peer, correlation, cluster::encode_list_reply(answer));
       });
}

void Repair::reply(const NodeId& peer, uint64_t correlation, const std::string& payload) {
  --answering_[peer];
  (void)thread_.links().send(peer, FrameKind::kTreeReply, correlation, payload);
  std::lock_guard lock(mutex_);
  ++report_.messages;
  report_.bytes += payload.size();
}

// --- Both.

cluster::PartitionSet Repair::common(const cluster::Placement& placement, const NodeId& peer) {
  cluster::PartitionSet set;
  const cluster::NodeIndex index = placement.number_of(peer);
  if (index == cluster::kNoNode) return set;
  for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
    const auto partition = static_cast<uint16_t>(i);
    set[i] = placement.stores(partition, placement.self) && placement.stores(partition, index);
  }
  return set;
}

void Repair::list(uint16_t partition, cluster::Position from, cluster::Position until, Listed done) {
  engine::Engine& engine = server_.engine();
  EventLoop& loop = thread_.io_thread().loop();
  engine.offload([&engine, &loop, partition, from, until, done = std::move(done)]() mutable {
    std::vector<cluster::VersionEntry> entries;
    uint64_t cursor = from;
    const engine::Status status = engine::scan_versions(
        engine, partition, &cursor, cluster::kMaxListEntries / 2, [&](const engine::VisitedVersion& version) {
          entries.push_back({version.database, std::string(version.key), std::string(version.context)});
        });
    const cluster::Position reached = std::min(until, cursor == 0 ? cluster::kEndPosition : cursor);
    loop.post([status, entries = std::move(entries), reached, done = std::move(done)]() mutable {
      done(status, std::move(entries), reached);
    });
  });
}

void Repair::push(const NodeId& peer, cluster::KeyNames keys, std::function<void(uint64_t failed)> done) {
  if (keys.empty()) return done(0);
  auto work = std::make_shared<Push>();
  work->peer = peer;
  work->keys = std::move(keys);
  work->done = std::move(done);
  continue_push(work);
}

void Repair::continue_push(const std::shared_ptr<Push>& work) {
  if (work->sending) return;
  work->sending = true;
  while (work->next < work->keys.size() && work->under_way < kRecordsUnderWay) {
    const auto& [database, key] = work->keys[work->next++];
    ++work->under_way;
    thread_.send_record(work->peer, database, key, [this, work](ClusterThread::Delivery delivery) {
      --work->under_way;
      const bool stored = delivery == ClusterThread::Delivery::kStored;
      if (!stored) ++work->failed;
      {
        std::lock_guard lock(mutex_);
        ++(stored ? report_.records_sent : report_.records_failed);
      }
      continue_push(work);
    });
  }
  work->sending = false;
  if (work->under_way == 0 && work->next == work->keys.size() && work->done) {
    std::exchange(work->done, nullptr)(work->failed);
  }
}

void Repair::publish() {
  const bool running = requested_ || in_round_ || (urgent_ && settler_.busy());
  const cluster::VersionFigures& figures = sums_.index().figures();
  const int64_t age_ms = server_.clock().wall_ms() - engine::stamp_wall_ms(figures.ripe);
  std::lock_guard lock(mutex_);
  report_.running = running;
  if (!running) report_.partitions_in_doubt = figures.in_doubt;
  report_.ring_forgotten = dropper_.forgotten();
  report_.ring_to_forget = dropper_.partitions_left();
  report_.handoff_total = receiving_.total();
  report_.handoff_compared = receiving_.total() - receiving_.remaining();
  report_.settle = settler_.report();
  report_.oldest_tombstone_s = figures.ripe == engine::kNeverRipe ? 0 : std::max<int64_t>(0, age_ms) / 1000;
  report_.siblings = figures.siblings;
  report_.guarded_keys = figures.guards;
  report_.partitions_scanned = sums_.partitions_scanned();
}

RepairReport Repair::report() const {
  const int64_t now_us = server_.clock().monotonic_us();
  std::lock_guard lock(mutex_);
  RepairReport report = report_;
  for (const auto& [id, state] : peers_) {
    report.peers.push_back(state.report);
    report.peers.back().id = id;
    report.peers.back().last_exchange_ms = state.ended_us == 0 ? -1 : (now_us - state.ended_us) / 1000;
  }
  std::sort(report.peers.begin(), report.peers.end(),
            [](const RepairReport::Peer& a, const RepairReport::Peer& b) { return a.id < b.id; });
  return report;
}

}  // namespace starling::server
