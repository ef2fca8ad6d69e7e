#include "server/execute/dispatcher.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "engine/base/assert.h"
#include "server/cluster/cluster_thread.h"
#include "server/cluster/forward_prefix.h"
#include "server/execute/database_tracker.h"
#include "server/execute/rights.h"
#include "server/io_thread.h"
#include "server/metrics/cycle_clock.h"
#include "server/process/log.h"
#include "server/replica_of/follower_role.h"
#include "server/server.h"
#include "server/session/tracking.h"

namespace starling::server {
namespace {

// Of one queued command, beside its arguments: its place in a vector that grows by doubling, and two allocations.
constexpr size_t kQueuedCommandBytes = 2 * sizeof(QueuedCommand) + 32;

// The shortest duration that the slow log or the latency monitor wants to know of.
uint64_t recorded_from_cycles(const Settings& settings) {
  constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  const auto cycles = [](int64_t microseconds) {
    return static_cast<uint64_t>(static_cast<double>(microseconds) * cycles_per_microsecond());
  };
  const int64_t slowlog_us = settings.slowlog_threshold_us;
  const int64_t latency_ms = settings.latency_threshold_ms;
  return std::min(slowlog_us < 0 ? kNever : cycles(slowlog_us),
                  latency_ms == 0 ? kNever : cycles(latency_ms * 1000));
}

// The handler found that the command must wait, and has done nothing.
bool runs_again(const Client& client) {
  return client.waiting == Waiting::kForChange || client.waiting == Waiting::kForWrites;
}

}  // namespace

Dispatcher::Dispatcher(Server& server, IoThread& io_thread)
    : server_(server), io_thread_(io_thread), use_(std::make_unique<CommandUse>()) {
  batch_.reserve(kBatchRequests);
}

Dispatcher::~Dispatcher() = default;

// What asks ahead needs it before its turn, what runs needs its own: others may have come in between.
void Dispatcher::follow_prefix(Client& client, const ForwardPrefix& prefix) {
  client.database = prefix.database;
  client.reply.set_protocol(prefix.protocol);
  client.quorum = prefix.quorum;
  client.scope = prefix.scope;
  follow_user(client, prefix.user);
  client.tunnel->run_until(prefix.deadline_us, prefix.waited_us);
  if (prefix.tracked || client.tracking != nullptr) [[unlikely]]
    client.io_thread().server().tracking().follow(client, prefix.tracked);
}

// A subcommand's key is not the one that was hashed for its container.
bool Dispatcher::has_only_key(const Command& command, const PreparedRequest& prepared) {
  return prepared.key && command.only_key(prepared.request.arguments.size()) != 0;
}

bool Dispatcher::prepare(Client& client, PreparedRequest* prepared) {
  if (client.tunnel != nullptr) {
    // A forwarded request speaks for its client: in which database, in which protocol, how consistently.
    const Arguments forwarded = prepared->request.arguments;
    prepared->prefix = std::make_shared<ForwardPrefix>();
    if (forwarded.size() <= kForwardedArguments || forwarded[0] != kForwarded ||
        !decode_prefix(forwarded[1], prepared->prefix.get())) {
      return false;
    }
    prepared->prefix->deadline_us = client.tunnel->take_deadline_us();
    follow_prefix(client, *prepared->prefix);
    prepared->request.drop_front(kForwardedArguments);
  }
  const Arguments arguments = prepared->request.arguments;
  prepared->command = server_.commands().find(arguments[0]);
  if (prepared->command == nullptr) return true;
  const size_t position = prepared->command->only_key(arguments.size());
  if (position == 0 || position >= arguments.size()) return true;
  prepared->key.emplace(arguments[position]);
  if (ClusterThread* cluster = io_thread_.cluster(); cluster != nullptr)
    cluster->ask_ahead(client, *prepared);
  return true;
}

bool Dispatcher::gather(Client& client) {
  if (!client.held_requests.empty()) {
    // All or none, to keep their order; they come from one batch, so they fit an empty one.
    if (batch_.size() + client.held_requests.size() <= kBatchRequests) {
      for (PreparedRequest& held : client.held_requests) batch_.push_back({&client, std::move(held)});
      client.held_requests.clear();
    }
    return true;
  }
  client.parser.release();
  for (;;) {
    if (full()) return true;
    PreparedRequest prepared;
    switch (client.parser.next(&prepared.request)) {
      case resp::RequestParser::Status::kRequest:
        break;
      case resp::RequestParser::Status::kNeedMore:
        return false;
      case resp::RequestParser::Status::kError:
        // An empty argument list stands for it, so that it is answered in its turn.
        batch_.push_back({&client, std::move(prepared)});
        return false;
    }
    if (!prepare(client, &prepared)) {
      io_thread_.close(client);
      return false;
    }
    batch_.push_back({&client, std::move(prepared)});
    // AUTH changes what the next request may be.
    if (!client.authenticated) return true;
  }
}

void Dispatcher::prefetch_batch() {
  lookups_.clear();
  for (const BatchEntry& entry : batch_) {
    // What waits for other replicas will be here once more.
    if (entry.prepared.read != nullptr && !entry.prepared.read->done()) continue;
    if (entry.prepared.key) lookups_.emplace_back(entry.client->database, *entry.prepared.key);
  }
  server_.engine().prefetch(lookups_);
}

void Dispatcher::execute_batch() {
  // A batch of one gains nothing: what it waits for, it would wait for here.
  if (batch_.size() > 1 && !server_.loading()) prefetch_batch();
  slow_cycles_ = recorded_from_cycles(server_.settings());
  last_cycles_ = cycles_now();
  for (turn_ = 0; turn_ < batch_.size(); ++turn_) {
    BatchEntry& entry = batch_[turn_];
    if (entry.client == nullptr) [[unlikely]]
      continue;
    Client& client = *entry.client;
    if (client.closing || client.close_after_reply) continue;
    if (!client.held_requests.empty() || !client.can_execute() ||
        dispatch(client, entry.prepared) == Outcome::kWaits) {
      client.held_requests.push_back(std::move(entry.prepared));
    } else if (client.blocked_command != nullptr) [[unlikely]] {
      io_thread_.blocked().end(client);
    }
    if (io_thread_.blocked().any_woken()) [[unlikely]]
      serve_woken();
  }
  batch_.clear();
}

void Dispatcher::serve_woken() {
  BlockedClients& blocked = io_thread_.blocked();
  last_cycles_ = cycles_now();
  while (Client* client = blocked.next_woken()) {
    PreparedRequest prepared = std::move(client->held_requests.front());
    client->held_requests.erase(client->held_requests.begin());
    if (dispatch(*client, prepared) == Outcome::kWaits) {
      client->held_requests.insert(client->held_requests.begin(), std::move(prepared));
    } else {
      blocked.end(*client);
    }
  }
}

Dispatcher::Outcome Dispatcher::dispatch_one(Client& client, PreparedRequest& prepared) {
  const Arguments arguments = prepared.request.arguments;
  io_thread_.output_pending(client);
  if (prepared.prefix != nullptr) follow_prefix(client, *prepared.prefix);
  if (prepared.attempt != nullptr) [[unlikely]] {
    const Admission admission = io_thread_.cluster()->conclude(client, prepared);
    if (admission != Admission::kRun)
      return admission == Admission::kAnswered ? Outcome::kDone : Outcome::kWaits;
  }
  // What was tried in time is concluded; it does not begin anew.
  if (prepared.prefix != nullptr && too_late(client, prepared)) return Outcome::kDone;
  if (arguments.empty()) {
    client.reply.error(client.parser.error());
    io_thread_.close_after_reply(client);
    return Outcome::kDone;
  }
  const Command* command = resolve(client, prepared.command, arguments);
  if (command == nullptr || refuse(client, *command, arguments)) return Outcome::kDone;
  if ((command->spec->flags & kUnwraps) != 0 && io_thread_.cluster() != nullptr && !client.transaction.open &&
      unwrap(client, prepared)) {
    return dispatch_one(client, prepared);
  }
  if (command->spec->find_secrets != nullptr && waits_to_authenticate(client, *command, arguments))
      [[unlikely]]
    return Outcome::kWaits;
  const Waiting hold = held_back(client, *command);
  if (hold != Waiting::kNo) [[unlikely]] {
    io_thread_.postpone(client, hold);
    return Outcome::kWaits;
  }
  if (client.transaction.open && command->spec->in_multi == InMulti::kQueued) [[unlikely]] {
    queue(client, *command, arguments);
    return Outcome::kDone;
  }
  if (io_thread_.cluster() != nullptr) {
    const Admission admission = admit(client, *command, prepared);
    const bool done = admission == Admission::kAnswered ||
                      (admission == Admission::kRun && run(client, *command, prepared));
    io_thread_.cluster()->use_quorum(nullptr);
    return done ? Outcome::kDone : Outcome::kWaits;
  }
  return run(client, *command, prepared) ? Outcome::kDone : Outcome::kWaits;
}

void Dispatcher::queue(Client& client, const Command& command, Arguments arguments) {
  Transaction& transaction = client.transaction;
  const uint64_t from = client.output.position();
  // A transaction that cannot run any more need not cost memory.
  if (!transaction.broken && (client.watch_state == nullptr || !client.watch_state->dirty)) {
    size_t bytes = 0;
    for (const std::string_view argument : arguments) bytes += argument.size();
    QueuedCommand queued{&command, std::make_unique_for_overwrite<char[]>(bytes), {}};
    queued.arguments.reserve(arguments.size());
    char* to = queued.bytes.get();
    for (const std::string_view argument : arguments) {
      if (!argument.empty()) memcpy(to, argument.data(), argument.size());
      queued.arguments.emplace_back(to, argument.size());
      to += argument.size();
    }
    transaction.bytes += bytes + arguments.size() * sizeof(std::string_view) + kQueuedCommandBytes;
    transaction.queue.push_back(std::move(queued));
  }
  transaction.flags |= command.spec->flags;
  client.reply.simple_string("QUEUED");
  apply_reply_mode(client, from);
}

void Dispatcher::add_keys(const Command& command, Arguments arguments, int database, KeyList* keys) {
  const CommandSpec& spec = *command.spec;
  if (!command.has_keys || !find_keys(spec, arguments, &positions_)) return;
  for (const int position : positions_) {
    keys->push_back({database, engine::Key(arguments[static_cast<size_t>(position)])});
  }
  if (spec.extra_keys == nullptr) return;
  extra_keys_.clear();
  spec.extra_keys(arguments, database, &extra_keys_);
  keys->insert(keys->end(), extra_keys_.begin(), extra_keys_.end());
}

bool Dispatcher::collect_keys(const Client& client, const Command& command, Arguments arguments,
                              KeyList* keys) {
  if (!is_exec(command)) {
    add_keys(command, arguments, client.database, keys);
    return false;
  }
  bool everything = false;
  DatabaseTracker databases(client.database, static_cast<int>(server_.settings().databases));
  for (const QueuedCommand& queued : client.transaction.queue) {
    // A script that touches what it did not declare finds it locked.
    everything |= (queued.command->spec->flags &
                   (io_thread_.cluster() == nullptr ? kWholeKeyspace | kScript : kWholeKeyspace)) != 0;
    const size_t first = keys->size();
    add_keys(*queued.command, queued.arguments, databases.selected(), keys);
    for (size_t i = first; i < keys->size(); ++i) (*keys)[i].database = databases.before((*keys)[i].database);
    databases.follow(*queued.command, queued.arguments);
  }
  for (const WatchedKey& watched : client.watched)
    keys->push_back({watched.database, engine::Key(watched.key)});
  return everything;
}

bool Dispatcher::lock_and_check(Client& client, const Command& command, PreparedRequest& prepared,
                                const engine::Key* key, engine::Operation& operation) {
  const Arguments arguments = prepared.request.arguments;
  if (key != nullptr && command.spec->extra_keys == nullptr) [[likely]] {
    const engine::KeyRef reference{client.database, *key};
    if (!lock(client, {&reference, 1}, false, operation)) return false;
    if (operation.resident(reference)) [[likely]] {
      if (io_thread_.cluster() == nullptr) return true;
      locked_.assign(1, reference);
      return current(client, command, prepared, operation);
    }
    operation.finish();
    fetch(client, {&reference, 1});
    return false;
  }
  KeyList& keys = locked_;
  keys.clear();
  bool everything = collect_keys(client, command, arguments, &keys);
  if (prepared.needs != nullptr) [[unlikely]] {
    keys.insert(keys.end(), prepared.needs->keys.begin(), prepared.needs->keys.end());
    everything |= prepared.needs->everything;
  }
  if ((everything || !keys.empty()) && !lock(client, keys, everything, operation)) return false;
  KeyList missing;
  for (const engine::KeyRef& reference : keys) {
    if (!operation.resident(reference)) missing.push_back(reference);
  }
  if (missing.empty()) return current(client, command, prepared, operation);
  operation.finish();
  fetch(client, missing);
  return false;
}

void Dispatcher::fetch(Client& client, std::span<const engine::KeyRef> keys) {
  // The client may go away, and its request with it, before the disk answers.
  size_t bytes = 0;
  for (const engine::KeyRef& reference : keys) bytes += reference.key.name.size();
  std::shared_ptr<char[]> names(new char[bytes]);
  std::vector<engine::KeyRef> owned(keys.begin(), keys.end());
  char* to = names.get();
  for (engine::KeyRef& reference : owned) {
    const size_t size = reference.key.name.size();
    memcpy(to, reference.key.name.data(), size);
    reference.key.name = {to, size};
    to += size;
  }
  client.wait_for(Waiting::kForFetch);
  const uint64_t id = client.id();
  const uint64_t wait_number = client.wait_number;
  server_.engine().fetch(std::move(owned), [this, id, wait_number, names](engine::Status status) {
    io_thread_.loop().post(
        [this, id, wait_number, status] { io_thread_.on_fetched(id, wait_number, status); });
  });
}

bool Dispatcher::run(Client& client, const Command& command, PreparedRequest& prepared) {
  for (;;) {
    const Ran ran = run_once(client, command, prepared);
    if (ran != Ran::kAgain) return ran == Ran::kDone;
  }
}

Dispatcher::Ran Dispatcher::run_once(Client& client, const Command& command, PreparedRequest& prepared) {
  const Arguments arguments = prepared.request.arguments;
  const engine::Key* key = has_only_key(command, prepared) ? &*prepared.key : nullptr;
  if (client.tracking != nullptr) [[unlikely]]
    reading_ = prepared.read.get();
  engine::Operation operation(server_.engine(), io_thread_.now_ms());
  // What a leader says has expired, has; not what this clock says.
  if (FollowerRole::any() && io_thread_.cluster() == nullptr &&
      FollowerRole::of_process().is_leader(client.id())) [[unlikely]]
    operation.treat_late(engine::Late::kSeen);
  const bool has_keys = command.has_keys || is_exec(command);
  if (has_keys && !lock_and_check(client, command, prepared, key, operation)) return Ran::kWaits;
  // With the keys locked: whatever it is to change is now as it was in time.
  if (prepared.prefix != nullptr && too_late(client, prepared)) [[unlikely]] {
    operation.finish();
    return Ran::kDone;
  }
  const uint64_t from = client.output.position();
  ClusterThread* const cluster = io_thread_.cluster();
  if (cluster != nullptr && has_keys && prepared.read != nullptr && prepared.read->writes &&
      cluster->must_agree(client, command, prepared, locked_, operation)) [[unlikely]] {
    return attempt(client, command, prepared, key, operation) ? Ran::kDone : Ran::kWaits;
  }
  if (cluster != nullptr && (command.spec->flags & kReadOnly) == 0)
    operation.capture(&cluster->changes(client));
  const size_t subscriptions_before = client.subscriptions.total();
  call(client, command, arguments, operation, false, key, &prepared.request);
  if (needs_ != nullptr) [[unlikely]]
    return start_over(client, prepared, operation, from) ? Ran::kAgain : Ran::kDone;
  if (cluster != nullptr) cluster->mend_unchanged(operation);
  const engine::LogPosition position = operation.finish();
  if (client.waiting == Waiting::kNo) apply_reply_mode(client, from);
  PubSubOutbox& outbox = io_thread_.outbox();
  // A message never comes before the confirmation of the subscription that it is for.
  const bool subscribed = client.subscriptions.total() > subscriptions_before;
  const bool told = !outbox.empty() && outbox.deliver(client, subscribed ? client.output.position() : from);
  if (cluster != nullptr) cluster->ship(client, from);
  CommitGate& gate = io_thread_.commit_gate();
  const int64_t patience_ms = gate.always() ? io_thread_.log_patience_ms(client) : 0;
  if (position != 0) {
    // What was shipped may have left hints here, behind the change.
    const bool hinted = cluster != nullptr && cluster->take_hinted();
    gate.note_write(client, from, hinted ? server_.engine().last_position() : position, patience_ms);
  } else if (has_keys || told) {
    gate.note_read(client, from, patience_ms);
  }
  return runs_again(client) ? Ran::kWaits : Ran::kDone;
}

void Dispatcher::call(Client& client, const Command& command, Arguments arguments,
                      engine::Operation& operation, bool in_exec, const engine::Key* first_key,
                      resp::Request* request) {
  const CommandSpec& spec = *command.spec;
  const bool monitored = server_.monitors().active() && (spec.flags & (kSkipMonitor | kAdmin)) == 0;
  // Of what waits for its keys only the first try is told.
  if (monitored && !is_exec(command) && client.blocked_command == nullptr) [[unlikely]]
    feed_monitors(client, spec, arguments);
  client.last_command = &command;
  CommandContext context{
      server_, client,    spec,   arguments, client.reply, operation, operation.database(client.database),
      in_exec, first_key, request};
  invoke(command, context, last_cycles_);
  // Behind what it has run.
  if (monitored && is_exec(command)) [[unlikely]]
    feed_monitors(client, spec, arguments);
}

// Runs the handler and counts what it took since `begin`.
void Dispatcher::invoke(const Command& command, CommandContext& context, uint64_t begin) {
  const CommandSpec& spec = *command.spec;
  const uint64_t errors_before = io_thread_.errors_written();
  context.operation.count_lookups((spec.flags & kReadOnly) != 0);
  spec.handler(context);
  last_cycles_ = cycles_now();
  if (runs_again(context.client)) return;  // It has not run yet.
  if (context.client.tracking != nullptr) [[unlikely]]
    remember_keys(context);
  const uint64_t cycles = last_cycles_ - begin;
  CommandCounters& counters = io_thread_.statistics().commands[command.id];
  counters.count(cycles);
  if (io_thread_.errors_written() != errors_before) counters.failed.add(1);
  io_thread_.statistics().commands_processed.add(1);
  // CONFIG SET may have changed what counts as slow.
  if ((spec.flags & kAdmin) != 0) [[unlikely]]
    slow_cycles_ = recorded_from_cycles(server_.settings());
  if (cycles >= slow_cycles_) [[unlikely]]
    record_slow(context.client, spec, context.arguments, cycles);
}

void Dispatcher::feed_monitors(const Client& client, const CommandSpec& spec, Arguments arguments) {
  server_.monitors().feed(client, client.database, ShownArguments(spec, arguments),
                          server_.clock().wall_us());
}

void Dispatcher::record_slow(const Client& client, const CommandSpec& spec, Arguments arguments,
                             uint64_t cycles) {
  const Settings& settings = server_.settings();
  const auto microseconds = static_cast<int64_t>(cycles_to_microseconds(cycles));
  const int64_t now_s = io_thread_.now_ms() / 1000;
  server_.latency().add((spec.flags & kFast) != 0 ? LatencyEvent::kFastCommand : LatencyEvent::kCommand,
                        now_s, microseconds / 1000, settings.latency_threshold_ms);
  const int64_t threshold_us = settings.slowlog_threshold_us;
  if (threshold_us < 0 || microseconds < threshold_us || (spec.flags & kSkipSlowlog) != 0) return;
  server_.slow_log().add(now_s, static_cast<uint64_t>(microseconds), ShownArguments(spec, arguments),
                         client.address(), client.name, static_cast<size_t>(settings.slowlog_entries.get()));
}

void Dispatcher::apply_reply_mode(Client& client, uint64_t from) {
  if (client.reply_mode == ReplyMode::kOn && client.pushed == nullptr) [[likely]]
    return;
  if (client.reply_mode == ReplyMode::kSkipNext) {
    client.reply_mode = ReplyMode::kSkipThis;
    return;
  }
  if (client.mutes_replies()) client.output.truncate_to(from);
  if (client.pushed != nullptr) {
    client.output.splice(std::move(*client.pushed));
    client.pushed.reset();
  }
  if (client.reply_mode == ReplyMode::kSkipThis) client.reply_mode = ReplyMode::kOn;
}

}  // namespace starling::server
