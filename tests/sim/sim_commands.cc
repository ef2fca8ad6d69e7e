// Commands of clients at a node: where they run, what is asked first, what they do, and when they are
// answered. Follows server/cluster/cluster_admission.cc and ClusterThread::ship().
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "cluster/data/read_findings.h"
#include "cluster/wire/data_messages.h"
#include "engine/base/assert.h"
#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"
#include "engine/replica/trial.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {

using cluster::FrameKind;
using cluster::NodeIndex;

namespace {

constexpr int kMaxRounds = 8;
constexpr int64_t kTimeRetryUs = 10'000;
constexpr size_t kMaxSiblings = 1024;
// A hop of the simulated network and the sync of a log, with room.
constexpr int64_t kReplySlackMs = 500;

// With all that the node knows in the context: how far the partition is settled, too.
engine::Record record_in(engine::Operation& operation, const engine::Key& key) {
  std::string bytes;
  (void)engine::Replica(operation, 0).append_state(key, &bytes);
  return known_record(bytes);
}

// As VCLOCK shows it.
engine::VersionVector context_in(engine::Operation& operation, const engine::Key& key) {
  std::string bytes;
  (void)engine::Replica(operation, 0).append_state(key, &bytes);
  return bare_record(bytes).context();
}

int number_of(const cluster::Consistency& consistency) {
  return consistency.number;
}

}  // namespace

NodeIndex SimNode::target_of(uint16_t partition, bool writes, bool strict) const {
  if (!writes && placement().holds(partition, placement().self) && !stands_back(placement().self))
    return placement().self;
  const bool may_write = !writes || engine_.writable();
  const auto can_run = [&](NodeIndex node) {
    return healthy(node) && (may_write || node != placement().self);
  };
  return placement().runner(partition, strict, can_run, [this](NodeIndex node) { return stands_back(node); });
}

cluster::QuorumOptions SimNode::quorum_of(const ClientOperation& asked) const {
  cluster::QuorumOptions quorum = asked.quorum;
  if (setting_.mutation == Mutation::kHintCountsInStrict) quorum.mode = cluster::QuorumMode::kSloppy;
  return quorum;
}

void SimNode::submit(uint64_t id) {
  const ClientOperation& asked = world_.operation(id);
  enter(asked.client % loops_.size());
  const auto execution = std::make_shared<Execution>();
  execution->operation = id;
  if (!formed()) return fail(*execution, "the cluster has not formed yet; nothing was done");
  execution->epoch = epoch();
  const NodeIndex target = target_of(engine::Key(asked.key).partition, asked.writes(), asked.strict());
  if (target == cluster::kNoNode)
    return fail(*execution, "no replica of the key can be reached; nothing was done");
  if (target == placement().self) return run(execution);
  forward(asked, target);
}

void SimNode::answer(const Execution& execution, std::shared_ptr<const Answer> answer) {
  if (execution.from == SIZE_MAX)
    return world_.answer(setting_.index, execution.operation, std::move(answer));
  if (execution.life != 0)
    operations_.finish({execution.life, execution.correlation}, remembered(answer), now_ms());
  reply_forward(execution.from, execution.link, execution.correlation, std::move(answer));
}

void SimNode::fail(const Execution& execution, std::string error) {
  auto failed = std::make_shared<Answer>();
  failed->error = std::move(error);
  answer(execution, std::move(failed));
}

// A client's command that has waited is looked at anew: under another topology it may be another node's to run.
bool SimNode::starts_over(const ExecutionPtr& execution, const ClientOperation& asked) {
  if (execution->from != SIZE_MAX || std::exchange(execution->epoch, epoch()) == epoch()) return false;
  const NodeIndex target = target_of(engine::Key(asked.key).partition, asked.writes(), asked.strict());
  if (target == placement().self) return false;
  if (target == cluster::kNoNode) {
    fail(*execution, "no replica of the key can be reached; nothing was done");
  } else {
    forward(asked, target);
  }
  return true;
}

void SimNode::run_later(const ExecutionPtr& execution) {
  later(0, [this, execution] { run(execution); });
}

void SimNode::run(const ExecutionPtr& execution) {
  if (refused_as_late(*execution)) return;
  const ClientOperation& asked = world_.operation(execution->operation);
  if (!formed()) return fail(*execution, "the cluster has not formed yet; nothing was done");
  if (!knows_time_) return later(kTimeRetryUs, [this, execution] { run(execution); });
  if (starts_over(execution, asked)) return;
  const bool reads = asked.reads_first() && number_of(asked.quorum.read) > 1 &&
                     setting_.mutation != Mutation::kReadsAskNobody &&
                     (setting_.mutation != Mutation::kOneReadsNothing || asked.action != Action::kAppend);
  const uint16_t partition = engine::Key(asked.key).partition;
  if (asked.writes() && !engine_.writable())
    return fail(*execution, "errors writing to the commit log; nothing was done");
  std::optional<cluster::Failure> hopeless;
  const cluster::QuorumMode mode = quorum_of(asked).mode;
  if (asked.writes()) hopeless = coordinator().hopeless(partition, asked.quorum.write, mode, true);
  if (!hopeless && reads) hopeless = coordinator().hopeless(partition, asked.quorum.read, mode, false);
  if (hopeless) return fail(*execution, hopeless->message());
  if (reads) {
    if (!execution->asked && !begin_read(execution, asked)) return;
    if (!execution->failure.empty()) return fail(*execution, execution->failure);
  }
  const engine::Key key(asked.key);
  engine::Operation operation(engine_, now_ms());
  operation.lock({0, key});
  if (!operation.resident({0, key})) {
    operation.finish();
    engine_.fetch({{0, key}}, [this, execution](const engine::Status&) { run(execution); });
    return;
  }
  if (asked.writes() && undecided_.contains(0, asked.key)) {
    operation.finish();
    if (execution->read_us != 0 && now_us() >= execution->read_us + asked.quorum.timeout_ms * 1000)
      return fail(*execution, "other commands on the key wait for other nodes; nothing was done");
    waiting_for_decisions_.push_back(execution);
    return;
  }
  if (reads && !up_to_date(execution, asked, operation, key)) return;
  if (refused_as_late(*execution)) {
    operation.finish();
    return;
  }
  world_.note_time(setting_.index, now_ms());
  const bool agrees = reads && asked.depends() && quorum_of(asked).mode == cluster::QuorumMode::kStrict &&
                      number_of(asked.quorum.write) > 1 && is_read(partition) &&
                      engine::Trial::possible(operation, std::array{engine::KeyRef{0, key}});
  if (agrees) return try_out(execution, asked, operation, key);
  execute(execution, asked, operation, key);
}

// False: the answers are not there yet.
bool SimNode::begin_read(const ExecutionPtr& execution, const ClientOperation& asked) {
  execution->asked = true;
  execution->pending = 1;
  if (execution->read_us == 0) execution->read_us = now_us();
  const uint64_t token = next_token_++;
  asked_.emplace(token, execution);
  std::string keys;
  cluster::append_key({0, asked.key}, &keys);
  const uint16_t partition = engine::Key(asked.key).partition;
  if (!coordinator().join_read(partition, keys, 1, asked.quorum, now_us(), token))
    coordinator().begin_read(partition, keys, asked.quorum, now_us(), token);
  // Whatever it says, read_done() has the command run again.
  return false;
}

void SimNode::read_done(uint64_t token, const cluster::Failure* failure) {
  const auto found = asked_.find(token);
  const ExecutionPtr execution = found->second;
  asked_.erase(found);
  execution->pending = 0;
  if (failure != nullptr) {
    execution->failure = failure->message();
  } else {
    execution->versions = coordinator().versions(token)->front();
    coordinator().forget_read(token);
  }
  run_later(execution);
}

bool SimNode::up_to_date(const ExecutionPtr& execution, const ClientOperation& asked,
                         engine::Operation& operation, const engine::Key& key) {
  engine::Replica replica(operation, 0);
  const cluster::Nodes newer = cluster::nodes_ahead(replica, key, execution->versions);
  if (newer.empty()) {
    // What a write ships mends who is behind; and what is on its way need not be brought twice.
    const bool on_its_way = coordinator().writing(key.partition) || order_.under_way(key.partition);
    if (asked.writes() || (!asked.strict() && on_its_way)) return true;
    const cluster::Nodes behind = cluster::nodes_behind(replica, key, execution->versions, placement());
    std::string record;
    cluster::ChangeForm form;
    if (behind.empty() || !append_record(operation, {0, key}, &form, &record)) return true;
    for (const NodeIndex node : behind) {
      repairs_.push_back({node, {}});
      cluster::append_change({0, form, asked.key, record}, &repairs_.back().changes);
    }
    return true;
  }
  operation.finish();
  if (execution->fetched) {
    // Who told of it was lost since, or has handed it on and forgotten it.
    if (++execution->rounds > kMaxRounds)
      execution->failure = "a replica has told of a newer version and does not hand it over";
    execution->asked = !execution->failure.empty();
    execution->fetched = false;
    execution->versions.clear();
    run_later(execution);
    return false;
  }
  execution->fetched = true;
  execution->pending = static_cast<int>(newer.size());
  for (const NodeIndex node : newer) {
    const uint64_t token = next_token_++;
    asked_.emplace(token, execution);
    coordinator().begin_fetch(node, {0, asked.key}, now_us(), asked.quorum.timeout_ms, token);
  }
  return false;
}

void SimNode::fetch_done(uint64_t token, const cluster::KeyName& name, std::string_view record) {
  const auto found = asked_.find(token);
  const ExecutionPtr execution = found->second;
  asked_.erase(found);
  if (!record.empty()) {
    const engine::Key key(name.key);
    engine::Operation operation(engine_, now_ms());
    operation.lock({name.database, key});
    if (operation.resident({name.database, key})) {
      (void)engine::Replica(operation, name.database).merge_state(key, record);
    }
    operation.finish();
    if (!is_read(key.partition)) {
      std::string keys;
      cluster::append_key(name, &keys);
      (void)hint(placement().replicas(key.partition)[0], keys);
    }
  }
  if (--execution->pending == 0) run_later(execution);
}

void SimNode::check_read(const ClientOperation& asked, const engine::Record& record) {
  if (!asked.reads_first() || !asked.strict() || !world_.strict_reads_hold()) return;
  world_.judge(check_strict_read(asked.key, world_.history(asked.key), record, number_of(asked.quorum.read),
                                 static_cast<int>(placement().preference.width()), asked.began_us));
}

void SimNode::execute(const ExecutionPtr& execution, const ClientOperation& asked,
                      engine::Operation& operation, const engine::Key& key) {
  auto result = std::make_shared<Answer>();
  operation.capture(&loop().changes);
  running_quorum_ = quorum_of(asked);
  running_began_us_ = now_us();
  if (execution->from != SIZE_MAX && setting_.mutation != Mutation::kLateForwardRuns) {
    const int64_t left_us = execution->deadline_us - clock_us() - running_quorum_.timeout_ms * 1000;
    running_began_us_ += std::min<int64_t>(left_us, 0);
  }
  const engine::Record before = record_in(operation, key);
  check_read(asked, before);
  apply(asked, operation, key, before, result.get());
  const engine::Record after = record_in(operation, key);
  engine::LogPosition position = operation.finish();
  if (position == 0) position = engine_.last_position();
  note(asked, actor(), before, after);
  ship(execution, asked, position, std::move(result));
}

void SimNode::apply(const ClientOperation& asked, engine::Operation& operation, const engine::Key& key,
                    const engine::Record& before, Answer* answer) {
  engine::Database database = operation.database(0);
  engine::Replica replica(operation, 0);
  const int64_t deadline_ms = asked.lifetime_ms == 0 ? engine::kNoDeadline : now_ms() + asked.lifetime_ms;
  if (asked.lifetime_ms != 0) world_.note_deadline(deadline_ms);
  answer->context = context_in(operation, key);
  answer->seen = pieces_of(before);
  switch (asked.action) {
    case Action::kGet:
    case Action::kVclockGet:
    case Action::kMembers:
      (void)database.find(key);
      return;
    case Action::kSet:
      return database.put_string(key, asked.value, deadline_ms);
    case Action::kSetIfAbsent:
      if (database.find(key)) return;
      answer->value = "1";
      return database.put_string(key, asked.value, engine::kNoDeadline);
    case Action::kAppend: {
      const engine::Found found = database.find(key);
      const size_t size = found ? found.string().size() : 0;
      return database.edit_string(key, size + asked.value.size(), [&](std::span<char> bytes) {
        std::memcpy(bytes.data() + size, asked.value.data(), asked.value.size());
      });
    }
    case Action::kDelete:
      (void)database.remove(key);
      return;
    case Action::kExpire:
      (void)database.set_deadline(key, deadline_ms);
      return;
    case Action::kVclockSet:
    case Action::kVclockDelete: {
      const bool all = setting_.mutation == Mutation::kBlindWriteSeesAll;
      const engine::VersionVector& seen = all ? before.context() : asked.context;
      const engine::VclockOutcome outcome =
          asked.action == Action::kVclockSet ? replica.set(key, seen, asked.value, deadline_ms, kMaxSiblings)
                                             : replica.remove(key, seen, kMaxSiblings);
      if (outcome != engine::VclockOutcome::kApplied) {
        answer->error = "the context was refused";
        return;
      }
      const engine::Record after = record_in(operation, key);
      const bool alone = pieces_of(after).size() == 1;
      answer->context = alone ? context_in(operation, key) : asked.context;
      answer->seen = alone ? pieces_of(after) : asked.seen;
      return;
    }
    case Action::kAdd:
      add(asked, key, &database);
      if (asked.elements.empty()) {
        if (const engine::Found found = database.find(key)) answer->value = std::string(found.string());
      }
      return;
    case Action::kPut:
    case Action::kRemove: {
      const engine::Type type = asked.key[0] == 's' ? engine::Type::kSet : engine::Type::kHash;
      (void)database.find(key);  // What has expired goes first.
      if (asked.action == Action::kPut) {
        engine::OpenCollection collection = database.open(key, type);
        for (const std::string& element : asked.elements) {
          collection.put(element, type == engine::Type::kSet ? std::string_view() : asked.value);
        }
        return;
      }
      for (const std::string& element : asked.elements) {
        if (!database.find(key)) return;
        database.open(key, type).remove(element);
      }
    }
  }
}

// INCRBY of keys without elements, HINCRBY of the others.
void SimNode::add(const ClientOperation& asked, const engine::Key& key, engine::Database* database) const {
  const engine::Found found = database->find(key);
  const bool field = !asked.elements.empty();
  std::string shown;
  if (found && field) {
    shown = found.collection().find(asked.elements[0]).value_or(std::string_view());
  } else if (found) {
    shown = found.string();
  }
  const int64_t before = std::strtoll(shown.c_str(), nullptr, 10);
  int64_t sum;
  if (before == INT64_MAX || before == INT64_MIN || __builtin_add_overflow(before, asked.increment, &sum))
    return;
  const bool ships_value = setting_.mutation == Mutation::kCounterShipsValue;
  if (field) {
    engine::OpenCollection hash = database->open(key, engine::Type::kHash);
    if (ships_value) {
      hash.put(asked.elements[0], std::to_string(sum));
    } else {
      (void)hash.add(asked.elements[0], before, asked.increment);
    }
  } else if (ships_value) {
    database->put_string(key, std::to_string(sum), engine::kKeepDeadline);
  } else {
    (void)database->add(key, before, asked.increment);
  }
}

// Tells the history, and checks at once that nothing went which nobody showed the writer.
void SimNode::note(const ClientOperation& asked, engine::ActorId actor, const engine::Record& before,
                   const engine::Record& after) {
  if (!asked.writes()) return;
  KeyHistory& history = world_.history(asked.key);
  const Event* const earlier = history.event_of(asked.id);
  const bool ran_before = earlier != nullptr && !earlier->withdrawn;
  Event* event = history.add(asked.id, actor, before, after, asked.seen);
  if (event == nullptr) return;
  if (ran_before) world_.judge({"P6 operation " + std::to_string(asked.id) + " ran twice"});
  if (world_.failed_us(asked.id))
    world_.judge(
        {"P6 operation " + std::to_string(asked.id) + " ran after its client was told that it failed"});
  event->write_quorum = number_of(asked.quorum.write);
  event->strict = asked.strict();
  event->replaces = asked.action == Action::kSet || asked.action == Action::kDelete;
  event->began_us = asked.began_us;
  event->failed_us = world_.failed_us(asked.id);
  event->added = asked.increment;
  if (asked.action == Action::kAdd && !asked.elements.empty()) event->added_to = asked.elements[0];
  if (world_.tracing())
    trace("runs " + asked.to_string() + ": " + describe(before) + " -> " + describe(after));
  if (asked.action != Action::kVclockSet && asked.action != Action::kVclockDelete) return;
  for (const Piece& piece : event->superseded) {
    if (history.known_from(asked.seen, piece)) continue;
    world_.judge({"P5 operation " + std::to_string(asked.id) + " replaced " + piece.to_string() +
                  ", which its client never saw: " + asked.key + " " + describe(before) + " -> " +
                  describe(after)});
  }
}

void SimNode::ship(const ExecutionPtr& execution, const ClientOperation& asked, engine::LogPosition position,
                   std::shared_ptr<Answer> answer) {
  const engine::ChangeList& made = loop().changes;
  std::string changes;
  size_t ordered = 0, handed = 0;
  for (size_t i = 0; i < made.size(); ++i) {
    if (!handed_.empty() && handed_[i]) {
      ++handed;
      continue;
    }
    ordered += made[i].ordered && setting_.mutation != Mutation::kOrderDropped ? 1 : 0;
    append(made[i], &changes);
  }
  handed_.clear();
  const uint64_t token = handed != 0 ? std::exchange(handed_token_, 0) : next_token_++;
  const size_t awaited_repairs = asked.strict() ? repairs_.size() : 0;
  const size_t pending = (changes.empty() ? 0 : 1) + handed + awaited_repairs;
  held_.emplace(token,
                Held{execution, made.size() != 0, static_cast<int>(pending), position, std::move(answer)});
  const cluster::QuorumOptions quorum = quorum_of(asked);
  const std::vector<Repair> repairs = std::exchange(repairs_, {});
  if (!changes.empty()) {
    ship_changes(engine::Key(asked.key).partition, changes, quorum, running_began_us_, token, ordered);
    // Hints among it.
    if (const auto held = held_.find(token); held != held_.end())
      held->second.position = engine_.last_position();
  }
  for (const Repair& repair : repairs) {
    const NodeIndex nodes[] = {repair.node};
    coordinator().begin_push(nodes, repair.changes, quorum.timeout_ms, now_us(),
                             awaited_repairs != 0 ? token : 0);
  }
}

void SimNode::write_done(uint64_t token, const cluster::Failure* failure) {
  if (const auto hint = hints_under_way_.find(token); hint != hints_under_way_.end()) {
    HandOver done = std::move(hint->second);
    hints_under_way_.erase(hint);
    done.result.stored = failure == nullptr;
    return finish_hint(done.target, done.hint, done.result);
  }
  if (const auto push = pushes_.find(token); push != pushes_.end()) {
    const auto ended = std::move(push->second);
    pushes_.erase(push);
    return ended(failure == nullptr);
  }
  if (const auto shipped = shipped_for_.find(token); shipped != shipped_for_.end()) {
    Shipped& write = shipped->second;
    if (failure != nullptr && write.error.empty()) write.error = failure->message();
    if (--write.pending > 0) return;
    // Hints that this left are durable before those who wait for it are answered.
    const engine::LogPosition position = engine_.last_position();
    for (const Origin& origin : write.origins) {
      later_on(origin.loop, 0,
               [this, origin, error = write.error, position] { end_write(origin.token, error, position); });
    }
    shipped_for_.erase(shipped);
    return;
  }
  end_write(token, failure == nullptr ? std::string() : failure->message(), 0);
}

void SimNode::end_write(uint64_t token, const std::string& error, engine::LogPosition position) {
  const auto found = held_.find(token);
  if (found == held_.end()) return;
  Held& held = found->second;
  if (held.answer->error.empty()) held.answer->error = error;
  held.position = std::max(held.position, position);
  --held.pending;
}

// As the server's CommitGate does: writes fail, and what only read is shown.
void SimNode::fail_unlogged(const engine::Status& status) {
  for (auto& [token, held] : held_) {
    const bool logged =
        setting_.fsync_always ? engine_.durable(held.position) : held.position <= engine_.written();
    if (logged) continue;
    if (!held.changed) {
      held.position = 0;
    } else if (held.answer->error.empty()) {
      held.answer->error =
          "errors writing to the commit log: " + status.message() + "; the write may still take effect";
    }
  }
}

// Whatever a reply waits for ends within its timeout. Counted in ticks of the node: it may have been stopped.
void SimNode::watch_held() {
  for (auto& [token, held] : held_) {
    const int64_t timeout_ms = world_.operation(held.execution->operation).quorum.timeout_ms;
    if (++held.ticks * kTickUs / 1000 <= timeout_ms + kReplySlackMs) continue;
    world_.judge({"P6 the reply to operation " + std::to_string(held.execution->operation) +
                  " is held for longer than its timeout"});
  }
}

// Answers what has its quorum and is durable here.
void SimNode::release_held() {
  std::vector<uint64_t> ready;
  bool undurable = false;
  for (const auto& [token, held] : held_) {
    if (held.pending > 0) continue;
    const bool good = held.answer->error.empty();
    // The pass goes on, or the disk is full: whatever is held asks for the sync, as the server's CommitGate does.
    if (good && held.changed && held.position > engine_.written()) {
      undurable |= setting_.fsync_always;
      continue;
    }
    if (setting_.fsync_always && good && !engine_.durable(held.position)) {
      undurable = true;
    } else {
      ready.push_back(token);
    }
  }
  if (undurable && setting_.mutation != Mutation::kSyncNotAsked) engine_.request_sync();
  for (const uint64_t token : ready) {
    answer(*held_[token].execution, held_[token].answer);
    held_.erase(token);
  }
}

}  // namespace starling::sim
