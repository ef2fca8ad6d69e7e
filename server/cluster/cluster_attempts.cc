// Commands whose effect depends on what they read, with strict quorums: what they would change is tried here, the
// replicas are asked to agree to it, and only then it is stored and answered. See cluster/README.md.
#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/replica/replication.h"
#include "server/cluster/attempt.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Times that a command is tried; the time that it has may be over before.
constexpr int kMaxAttempts = 8;

// Of the clients that wait for a key: so many go on at once when it is decided.
constexpr size_t kTurnsOfAKey = 4;

bool one_partition(std::span<const engine::KeyRef> keys) {
  return std::all_of(keys.begin(), keys.end(),
                     [&](const engine::KeyRef& key) { return key.key.partition == keys[0].key.partition; });
}

}  // namespace

// Those that put a value whatever is there, or whose effects on parts of a collection add up, need no agreement.
bool ClusterThread::must_agree(const Client& client, const Command& command, const PreparedRequest& prepared,
                               std::span<const engine::KeyRef> keys, engine::Operation& operation) const {
  const cluster::QuorumOptions& quorum = quorum_of(client);
  if (quorum.mode != cluster::QuorumMode::kStrict || prepared.read == nullptr || keys.empty()) return false;
  const cluster::Consistency& write = quorum.write;
  if (write.level == cluster::Level::kOne || (write.level == cluster::Level::kNumber && write.number == 1))
    return false;
  const uint32_t flags = command.spec->flags | (client.transaction.open ? client.transaction.flags : 0);
  if ((flags & kWholeKeyspace) != 0 || (command.spec->flags & kMerges) != 0 || !one_partition(keys))
    return false;
  const uint16_t partition = keys[0].key.partition;
  if (!placement_->holds(partition, placement_->self) || placement_->writers(partition).nodes.size() == 1)
    return false;
  return engine::Trial::possible(operation, keys);
}

bool ClusterThread::must_wait(Client& client, PreparedRequest& prepared,
                              std::span<const engine::KeyRef> keys) {
  const cluster::UndecidedKeys& undecided = node_.undecided();
  if (!undecided.any()) return false;
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const engine::KeyRef& key) {
    return undecided.contains(key.database, key.key.name);
  });
  if (key == keys.end()) return false;
  // Behind others of which each takes its time it ends in its own.
  if (prepared.decided_by_us == 0) {
    prepared.decided_by_us = prepared.read != nullptr ? prepared.read->deadline_us
                                                      : now_us() + quorum_of(client).timeout_ms * 1000;
  }
  if (now_us() >= prepared.decided_by_us) {
    wake_later(client.id());  // To be refused.
  } else {
    waiting_for_decisions_[{key->database, std::string(key->key.name)}].push_back(
        {client.id(), prepared.decided_by_us});
    waits_for_attempts_.store(true, std::memory_order_release);
  }
  client.wait_for(Waiting::kForNodes);
  return true;
}

engine::ActorId ClusterThread::attempt_actor(std::span<const engine::KeyRef> keys) const {
  return node_.attempt_actor().next(keys);
}

std::shared_ptr<Attempt> ClusterThread::prepare_attempt(Client& client, const PreparedRequest& prepared) {
  auto attempt = std::make_shared<Attempt>();
  attempt->client_id = client.id();
  attempt->client_state.emplace(client, io_thread_.server().pubsub());
  attempt->deadline_us = prepared.read->deadline_us;
  if (prepared.attempt != nullptr) {
    attempt->rounds = prepared.attempt->rounds;
    attempt->deadline_us = prepared.attempt->deadline_us;
  }
  if (client.transaction.open) {
    attempt->watched = !client.watched.empty();
    attempt->transaction = std::make_unique<Transaction>();
    client.retained = attempt->transaction.get();
    client.unsent = &attempt->publications;
  }
  return attempt;
}

// The stripes are held.
void ClusterThread::claim(const Attempt& attempt) {
  for (const engine::Tried& tried : attempt.tried) node_.undecided().begin(tried.database, tried.key);
}

void ClusterThread::begin_attempt(Client& client, PreparedRequest& prepared, std::shared_ptr<Attempt> attempt,
                                  uint64_t from) {
  statistics_.writes_shipped.add(1);
  behind_.clear();
  attempt->token = next_token_++;
  attempt->partition = engine::partition_of(attempt->tried[0].key);
  client.held_replies.hold(attempt->token, from, client.output);
  client.wait_for(Waiting::kForNodes);
  prepared.attempt = attempt;
  std::string changes;
  for (const engine::Tried& tried : attempt->tried) {
    const std::string body = cluster::condition_body({tried.base, tried.after, tried.state});
    cluster::append_change({static_cast<uint8_t>(tried.database), cluster::ChangeForm::kIf, tried.key, body},
                           &changes);
  }
  attempts_.emplace(attempt->token, attempt);
  const cluster::QuorumOptions options = quorum_of(client);
  const int64_t began_us = attempt->deadline_us - options.timeout_ms * 1000;
  coordinator_.begin_attempt(attempt->partition, changes, options, now_us(), began_us, attempt->token);
}

void ClusterThread::attempt_done(uint64_t token, cluster::AttemptOutcome outcome,
                                 const cluster::Failure* failure) {
  const auto found = attempts_.find(token);
  if (found == attempts_.end()) return;
  const std::shared_ptr<Attempt> attempt = std::move(found->second);
  attempts_.erase(found);
  if (outcome == cluster::AttemptOutcome::kAgreed) {
    // Until it is stored here this node owes it to its peers.
    coordinator_.obligations().begin(attempt->partition);
    return store_agreed(attempt);
  }
  if (outcome == cluster::AttemptOutcome::kUnknown) doubt(*attempt);
  attempt->state = failure == nullptr ? Attempt::State::kRefused : Attempt::State::kFailed;
  if (failure == nullptr) {
    statistics_.writes_refused.add(1);
  } else {
    statistics_.writes_failed.add(1);
    attempt->error = failure->message();
  }
  conclude_attempt(*attempt);
}

// What came of it is not known: the next attempt on these keys must not claim to have seen it, and those of others
// that were made before it must not be agreed to any more.
void ClusterThread::doubt(const Attempt& attempt) {
  for (const engine::Tried& tried : attempt.tried) {
    node_.attempt_actor().doubt(attempt.actor, tried.database, tried.key);
    node_.refused_attempts().refuse_up_to(engine::latest_stamp(tried.after));
  }
}

void ClusterThread::store_agreed(const std::shared_ptr<Attempt>& attempt) {
  engine::Engine& engine = io_thread_.server().engine();
  std::vector<engine::KeyRef> keys;
  for (const engine::Tried& tried : attempt->tried) keys.push_back({tried.database, engine::Key(tried.key)});
  engine::Operation operation(engine, now_ms());
  operation.lock(keys);
  const bool here = std::all_of(keys.begin(), keys.end(),
                                [&](const engine::KeyRef& key) { return operation.resident(key); });
  if (!here) {
    operation.finish();
    engine.fetch(std::move(keys), [this, attempt](const engine::Status& status) {
      io_thread_.loop().post([this, attempt, status] {
        if (status.ok()) return store_agreed(attempt);
        attempt->state = Attempt::State::kFailed;
        attempt->error =
            "ERR reading from disk failed: " + status.message() + "; the write may still take effect";
        coordinator_.obligations().end(attempt->partition);
        doubt(*attempt);
        conclude_attempt(*attempt);
      });
    });
    return;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const engine::Tried& tried = attempt->tried[i];
    if (!tried.state.empty())
      (void)engine::Replica(operation, tried.database).merge_state(keys[i].key, tried.state);
  }
  release_keys(*attempt);
  attempt->position = operation.finish();
  if (attempt->position == 0) attempt->position = engine.last_position();
  attempt->state = Attempt::State::kAgreed;
  io_thread_.commit_gate().note_change();
  publish_agreed(*attempt);
  coordinator_.obligations().end(attempt->partition);
  node_.attempt_ended();
  wake_later(attempt->client_id);
}

// To its own client, if it is still there, beside the reply that is held for it.
void ClusterThread::publish_agreed(const Attempt& attempt) {
  if (attempt.publications.empty()) return;
  publish(attempt.publications);
  PubSubOutbox& outbox = io_thread_.outbox();
  Client* const client = io_thread_.find_client(attempt.client_id);
  client != nullptr ? outbox.deliver_to_held(*client, attempt.token, attempt.subscribed) : outbox.deliver();
}

void ClusterThread::release_keys(const Attempt& attempt) {
  for (const engine::Tried& tried : attempt.tried) node_.undecided().end(tried.database, tried.key);
}

void ClusterThread::conclude_attempt(const Attempt& attempt) {
  release_keys(attempt);
  node_.attempt_ended();
  wake_later(attempt.client_id);
}

// Not from within the coordinator: the client goes on in its own turn.
void ClusterThread::wake_later(uint64_t client_id) {
  io_thread_.loop().post([this, client_id] { wake(client_id); });
}

void ClusterThread::after_attempt() {
  wake_decided();
  for (const auto& [write, change] : std::exchange(waiting_rewrites_, {})) write_again(write, change);
  replicas_.resume_parked();
  if (replicas_.changed()) io_thread_.commit_gate().note_change();
  // Not before: who ends an attempt meanwhile calls again.
  waits_for_attempts_.store(
      !waiting_for_decisions_.empty() || !waiting_rewrites_.empty() || replicas_.parked() != 0,
      std::memory_order_release);
}

// Of those that wait for a key the first few: the first of them may well begin an attempt, and the others wait again.
// If none does, the next ones have their turn in the next pass.
void ClusterThread::wake_decided() {
  std::vector<uint64_t> turns;
  bool more = false;
  for (auto at = waiting_for_decisions_.begin(); at != waiting_for_decisions_.end();) {
    const auto here = at++;
    auto& [key, waiting] = *here;
    if (node_.undecided().contains(key.first, key.second)) continue;
    for (size_t i = 0; i < kTurnsOfAKey && !waiting.empty(); ++i) {
      turns.push_back(waiting.front().client_id);
      waiting.pop_front();
    }
    more |= !waiting.empty();
    if (waiting.empty()) waiting_for_decisions_.erase(here);
  }
  for (const uint64_t client : turns) wake(client);
  if (more) io_thread_.loop().post([this] { after_attempt(); });
}

// The decision may have come before the wait, or not in time.
void ClusterThread::look_after_waiting() {
  const int64_t now = now_us();
  for (auto& [key, waiting] : waiting_for_decisions_) {
    std::erase_if(waiting, [&](const WaitingClient& client) {
      if (now < client.deadline_us) return false;
      wake_later(client.client_id);
      return true;
    });
  }
  after_attempt();
}

// Its replica's part has handled something.
void ClusterThread::note_replicas() {
  if (replicas_.changed()) io_thread_.commit_gate().note_change();
  if (replicas_.parked() != 0) waits_for_attempts_.store(true, std::memory_order_release);
}

Admission ClusterThread::conclude(Client& client, PreparedRequest& prepared) {
  Attempt& attempt = *prepared.attempt;
  switch (attempt.state) {
    case Attempt::State::kAsked:
      return wait_for_nodes(client);
    case Attempt::State::kAgreed: {
      CommitGate& gate = io_thread_.commit_gate();
      gate.note_agreed_write(client, attempt.token, attempt.position,
                             gate.always() ? io_thread_.log_patience_ms(client) : 0);
      io_thread_.output_pending(client);
      return Admission::kAnswered;
    }
    case Attempt::State::kFailed:
      take_back(client, attempt);
      refuse(client, attempt.error);
      return Admission::kAnswered;
    case Attempt::State::kRefused:
      return refused(client, prepared);
    case Attempt::State::kPausing:
      if (attempt.pauses-- > 0) {
        io_thread_.postpone(client, Waiting::kForLinks);
        return Admission::kWaits;
      }
      attempt.state = Attempt::State::kOver;
      return Admission::kRun;
    case Attempt::State::kOver:
      break;
  }
  return Admission::kRun;
}

// Its reply, and what it has changed about its client.
void ClusterThread::take_back(Client& client, const Attempt& attempt) {
  client.release_with(attempt.token, {});
  attempt.client_state->restore(client, io_thread_.server().pubsub());
}

Admission ClusterThread::refused(Client& client, PreparedRequest& prepared) {
  Attempt& attempt = *prepared.attempt;
  take_back(client, attempt);
  if (attempt.watched) {
    // Somebody has changed a key, or was about to.
    const uint64_t from = client.output.position();
    client.reply.null_array();
    Dispatcher::apply_reply_mode(client, from);
    return Admission::kAnswered;
  }
  ++attempt.rounds;
  if (attempt.rounds >= kMaxAttempts || now_us() >= attempt.deadline_us) {
    refuse(client, "NOQUORUM other nodes have changed the key each time that this was tried, " +
                       std::to_string(attempt.rounds) + " times; nothing was done");
    return Admission::kAnswered;
  }
  if (attempt.transaction != nullptr) client.transaction = std::move(*attempt.transaction);
  // What is there now has to be read anew.
  prepared.read = nullptr;
  attempt.state = Attempt::State::kPausing;
  attempt.pauses = static_cast<int>(thread_random().next() % (uint64_t{1} << (attempt.rounds - 1)));
  return conclude(client, prepared);
}

}  // namespace starling::server
