// Writes that depend on what they read, with strict quorums: tried, agreed on, stored. Follows
// server/cluster/cluster_attempts.cc and Dispatcher::attempt(). And those that are made anew as another one hides them.
#include <array>
#include <utility>

#include "cluster/wire/data_messages.h"
#include "engine/replica/replication.h"
#include "tests/sim/sim_node.h"

namespace starling::sim {
namespace {

constexpr int kMaxAttempts = 8;
constexpr int64_t kPauseUs = 3000;

engine::Record record_in(engine::Operation& operation, const engine::Key& key) {
  std::string bytes;
  (void)engine::Replica(operation, 0).append_state(key, &bytes);
  return known_record(bytes);
}

}  // namespace

void SimNode::try_out(const ExecutionPtr& execution, const ClientOperation& asked,
                      engine::Operation& operation, const engine::Key& key) {
  auto attempt = std::make_shared<Attempt>();
  attempt->execution = execution;
  attempt->answer = std::make_shared<Answer>();
  const engine::Record before = record_in(operation, key);
  check_read(asked, before);
  const std::array keys{engine::KeyRef{0, key}};
  attempt->actor = attempt_actor_.next(keys);
  engine::Trial trial(&operation, attempt->actor, keys);
  apply(asked, operation, key, before, attempt->answer.get());
  const engine::Record after = record_in(operation, key);
  const bool changes = trial.take_back(&attempt->tried);
  if (changes) undecided_.begin(0, asked.key);
  operation.finish();
  loop().changes.clear();
  if (!changes) return ship(execution, asked, engine_.last_position(), std::move(attempt->answer));
  repairs_.clear();
  note(asked, attempt->actor, before, after);
  if (Event* event = world_.history(asked.key).event_of(asked.id); event != nullptr) event->tentative = true;
  const uint64_t token = next_token_++;
  attempts_.emplace(token, attempt);
  const engine::Tried& tried = attempt->tried[0];
  const std::string body = cluster::condition_body({tried.base, tried.after, tried.state});
  std::string message;
  cluster::append_change({0, cluster::ChangeForm::kIf, asked.key, body}, &message);
  coordinator().begin_attempt(key.partition, message, quorum_of(asked), now_us(), execution->read_us, token);
}

void SimNode::attempt_done(uint64_t token, cluster::AttemptOutcome outcome, const cluster::Failure* failure) {
  const std::shared_ptr<Attempt> attempt = std::move(attempts_.at(token));
  attempts_.erase(token);
  if (outcome == cluster::AttemptOutcome::kAgreed) return store_agreed(token, attempt);
  const ExecutionPtr& execution = attempt->execution;
  const ClientOperation& asked = world_.operation(execution->operation);
  const bool nowhere = outcome == cluster::AttemptOutcome::kRefused;
  if (Event* event = world_.history(asked.key).event_of(asked.id); event != nullptr)
    event->withdrawn = nowhere;
  if (!nowhere) {
    world_.count_unknown();
    attempt_actor_.doubt(attempt->actor, 0, asked.key);
    refused_attempts_.refuse_up_to(engine::latest_stamp(attempt->tried[0].after));
  }
  undecided_.end(0, asked.key);
  if (failure != nullptr) {
    fail(*execution, failure->message());
  } else if (++execution->refusals >= kMaxAttempts ||
             now_us() >= asked.began_us + asked.quorum.timeout_ms * 1000) {
    fail(*execution, "other nodes have changed the key each time; nothing was done");
  } else {
    world_.count_refused();
    execution->asked = execution->fetched = false;
    execution->versions.clear();
    const auto pauses = static_cast<int64_t>(world_.random().below(uint64_t{1} << (execution->refusals - 1)));
    later(pauses * kPauseUs, [this, execution] { run(execution); });
  }
  later(0, [this] { after_attempt(); });
}

void SimNode::store_agreed(uint64_t token, const std::shared_ptr<Attempt>& attempt) {
  const ClientOperation& asked = world_.operation(attempt->execution->operation);
  const engine::Key key(asked.key);
  engine::Operation operation(engine_, now_ms());
  operation.lock({0, key});
  if (!operation.resident({0, key})) {
    operation.finish();
    engine_.fetch({{0, key}},
                  [this, token, attempt](const engine::Status&) { store_agreed(token, attempt); });
    return;
  }
  (void)engine::Replica(operation, 0).merge_state(key, attempt->tried[0].state);
  undecided_.end(0, asked.key);
  engine::LogPosition position = operation.finish();
  if (position == 0) position = engine_.last_position();
  if (Event* event = world_.history(asked.key).event_of(asked.id); event != nullptr) event->tentative = false;
  held_.emplace(token, Held{attempt->execution, true, 0, position, attempt->answer});
  later(0, [this] { after_attempt(); });
}

void SimNode::after_attempt() {
  for (const ExecutionPtr& execution : std::exchange(waiting_for_decisions_, {})) run(execution);
  for (const auto& [write, change] : std::exchange(waiting_rewrites_, {})) write_again(write, change);
  for (size_t i = 0; i < loops_.size(); ++i) later_on(i, 0, [this] { loop().replicas.resume_parked(); });
}

// Follows server/cluster/cluster_overruled.cc.
void SimNode::overruled(std::span<const uint64_t> tokens, std::string_view changes, engine::Stamp stamp,
                        const cluster::QuorumOptions& options, int64_t began_us) {
  if (setting_.mutation == Mutation::kOverrulingIgnored) return;
  Overruled write{{tokens.begin(), tokens.end()}, std::string(changes), stamp, options, began_us};
  const auto count = static_cast<int>(cluster::keys_in(cluster::keys_of(changes)).size());
  for (const uint64_t token : tokens) {
    if (const auto held = held_.find(token); held != held_.end()) held->second.pending += count;
    if (const auto write = shipped_for_.find(token); write != shipped_for_.end())
      write->second.pending += count;
  }
  later(0, [this, write = std::make_shared<const Overruled>(std::move(write))] {
    cluster::MessageReader reader(write->changes);
    cluster::Change change;
    while (!reader.at_end() && reader.read_change(&change)) write_again(write, change);
  });
}

void SimNode::write_again(const std::shared_ptr<const Overruled>& write, const cluster::Change& change) {
  const engine::Key key(change.key);
  engine::Operation operation(engine_, now_ms());
  operation.lock({change.database, key});
  if (!operation.resident({change.database, key})) {
    operation.finish();
    engine_.fetch({{change.database, key}},
                  [this, write, change](const engine::Status&) { write_again(write, change); });
    return;
  }
  if (now_us() >= write->began_us + write->options.timeout_ms * 1000) {
    operation.finish();
    const cluster::Failure failure{.needed = 1, .replicas = 1, .write = true};
    for (const uint64_t token : write->tokens) write_done(token, &failure);
    return;
  }
  if (undecided_.contains(change.database, change.key)) {
    operation.finish();
    waiting_rewrites_.emplace_back(write, change);
    return;
  }
  (void)engine::observe_stamp(engine_, write->stamp, now_ms());
  engine::ChangeList again;
  operation.capture(&again);
  const engine::Record before = record_in(operation, key);
  const auto kind =
      change.form == cluster::ChangeForm::kDelta ? engine::ChangeKind::kDelta : engine::ChangeKind::kState;
  (void)engine::Replica(operation, change.database).restamp(key, change.body, kind);
  const engine::Record after = record_in(operation, key);
  operation.finish();
  std::string changes;
  for (size_t i = 0; i < again.size(); ++i) {
    cluster::append_change({change.database, cluster::form_of(again[i].kind), again[i].key, again[i].bytes},
                           &changes);
  }
  if (changes.empty()) {
    (void)record_of(change.database, change.key, &changes);
  } else {
    world_.history(std::string(change.key)).add_again(actor(), before, after);
    world_.count_overruled();
    if (world_.tracing())
      trace("writes again " + std::string(change.key) + ": " + describe(before) + " -> " + describe(after));
  }
  for (const uint64_t token : write->tokens) {
    if (const auto held = held_.find(token); held != held_.end())
      held->second.position = engine_.last_position();
  }
  coordinator().write_again(key.partition, changes, write->options, now_us(), write->began_us, write->tokens);
}

}  // namespace starling::sim
