// What the dispatcher does about other nodes before and after it has a command's keys locked.
#include "engine/replica/trial.h"
#include "server/cluster/attempt.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/quorum_options.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

// QUORUM EXEC becomes the command that it runs.
bool Dispatcher::unwrap(Client& client, PreparedRequest& prepared) {
  const Arguments arguments = prepared.request.arguments;
  size_t separator = 2;
  while (separator < arguments.size() && arguments[separator] != "--") ++separator;
  if (separator + 1 >= arguments.size() || prepared.quorum) return false;
  cluster::QuorumOptions options = io_thread_.cluster()->quorum_of(client);
  if (!read_quorum_options(arguments.subspan(2, separator - 2), &options).empty()) return false;
  prepared.quorum = options;
  prepared.request.drop_front(separator + 1);
  prepared.command = server_.commands().find(prepared.request.arguments[0]);
  prepared.key.reset();
  return true;
}

bool Dispatcher::too_late(Client& client, const PreparedRequest& prepared) {
  return io_thread_.cluster()->refused_as_late(client, prepared.prefix->deadline_us);
}

// A write that this node cannot log may go to another one: admission finds out which.
bool Dispatcher::may_run_elsewhere(const Client& client, const Command& command) const {
  const ClusterThread* const cluster = io_thread_.cluster();
  if (cluster == nullptr || cluster->placement() == nullptr || client.tunnel != nullptr) return false;
  return command.has_keys || is_exec(command);
}

Admission Dispatcher::admit(Client& client, const Command& command, PreparedRequest& prepared) {
  const bool writes = (effective_flags(client, command) & (kWrite | kScriptWrites)) != 0;
  io_thread_.cluster()->use_quorum(prepared.quorum ? &*prepared.quorum : nullptr);
  const bool single = has_only_key(command, prepared) && command.spec->extra_keys == nullptr;
  if (single && io_thread_.cluster()->runs_here(client, command, prepared, writes)) return Admission::kRun;
  KeyList keys;
  if (single) {
    keys.push_back({client.database, *prepared.key});
  } else {
    (void)collect_keys(client, command, prepared.request.arguments, &keys);
  }
  return io_thread_.cluster()->admit(client, command, prepared, keys, writes);
}

// The keys are here; is what they hold the newest there is, and may it be changed?
bool Dispatcher::current(Client& client, const Command& command, PreparedRequest& prepared,
                         engine::Operation& operation) {
  ClusterThread* const cluster = io_thread_.cluster();
  if (cluster == nullptr) return true;
  // What it does would build on what is not decided.
  if (cluster->attempts_under_way() && (effective_flags(client, command) & (kWrite | kScriptWrites)) != 0 &&
      cluster->must_wait(client, prepared, locked_)) [[unlikely]] {
    operation.finish();
    return false;
  }
  return prepared.read == nullptr || cluster->up_to_date(client, prepared, locked_, operation);
}

bool Dispatcher::attempt(Client& client, const Command& command, PreparedRequest& prepared,
                         const engine::Key* key, engine::Operation& operation) {
  ClusterThread& cluster = *io_thread_.cluster();
  const uint64_t from = client.output.position();
  std::shared_ptr<Attempt> attempt = cluster.prepare_attempt(client, prepared);
  attempt->actor = cluster.attempt_actor(locked_);
  engine::Trial trial(&operation, attempt->actor, locked_);
  call(client, command, prepared.request.arguments, operation, false, key, &prepared.request);
  client.retained = nullptr;
  client.unsent = nullptr;
  attempt->subscribed = client.subscriptions.total() > attempt->client_state->subscription_count();
  const bool changes = trial.take_back(&attempt->tried);
  // It has done nothing yet, and has what it needs the next time.
  if (needs_ != nullptr) [[unlikely]]
    return !start_over(client, prepared, operation, from) || run(client, command, prepared);
  if (changes) {
    cluster.claim(*attempt);
  } else {
    cluster.publish(attempt->publications);
    cluster.mend_unchanged(operation);
  }
  const engine::LogPosition position = operation.finish();
  if (client.waiting == Waiting::kNo) apply_reply_mode(client, from);
  PubSubOutbox& outbox = io_thread_.outbox();
  if (!outbox.empty()) (void)outbox.deliver(client, attempt->subscribed ? client.output.position() : from);
  if (changes) {
    cluster.begin_attempt(client, prepared, std::move(attempt), from);
    return false;
  }
  cluster.ship(client, from);
  CommitGate& gate = io_thread_.commit_gate();
  const int64_t patience_ms = gate.always() ? io_thread_.log_patience_ms(client) : 0;
  if (position != 0) {
    gate.note_write(client, from, position, patience_ms);
  } else {
    gate.note_read(client, from, patience_ms);
  }
  return client.waiting != Waiting::kForChange;
}

}  // namespace starling::server
