#include "server/execute/script_run.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "server/cluster/cluster_thread.h"
#include "server/execute/dispatcher.h"
#include "server/execute/rights.h"
#include "server/execute/script/running_scripts.h"
#include "server/execute/script/script_text.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/replica_of/follower_role.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Clients of its own loop are looked at so often while it is busy.
constexpr int64_t kServeUs = 20'000;
// A call may take long, and so do many.
constexpr int kCallsPerLook = 64;
// Declared keys that are looked for one after the other.
constexpr size_t kFewKeys = 8;
// Not told yet; with more of them it cannot be taken back any more.
constexpr size_t kMostEvents = 10'000;
constexpr LogLevel kLogLevels[] = {LogLevel::kDebug, LogLevel::kVerbose, LogLevel::kNotice,
                                   LogLevel::kWarning};

// It may not write. A client of another node was looked at there.
bool of_replica(const Client& client) {
  return client.tunnel == nullptr && FollowerRole::of_process().read_only(client.id());
}

std::string place_of(const engine::KeyRef& key) {
  std::string place = std::to_string(key.database) + ":";
  place += key.key.name;
  return place;
}

}  // namespace

ScriptRun::ScriptRun(CommandContext& context, const LoopScripts::Compiled& compiled, Interpreter& interpreter,
                     std::span<const engine::KeyRef> declared, bool read_only)
    : context_(context),
      compiled_(compiled),
      interpreter_(interpreter),
      declared_(declared),
      read_only_(read_only || (compiled.script->flags & kScriptNoWrites) != 0),
      loop_(static_cast<size_t>(context.client.io_thread().index())),
      database_(context.client.database),
      cluster_(context.client.io_thread().cluster() != nullptr),
      everything_(context.operation.all_locked()) {
  if (declared_.size() > kFewKeys) {
    for (const engine::KeyRef& key : declared_) index_.emplace(std::pair(key.database, key.key.name), &key);
  }
  context.client.untold = &events_;
  context.server.running_scripts().begin(loop_);
}

ScriptRun::~ScriptRun() {
  context_.server.running_scripts().end(loop_);
  context_.client.untold = nullptr;
  context_.client.database = database_;
}

std::string ScriptRun::refusal_of_script() const {
  const uint32_t flags = compiled_.script->flags;
  if ((flags & kScriptOldKind) != 0) return {};
  if (cluster_ && (flags & kScriptNoCluster) != 0)
    return "ERR Can not run script on cluster, 'no-cluster' flag is set.";
  if ((flags & kScriptNoWrites) != 0) return {};
  if (read_only_) return "ERR Can not execute a script with write flag using *_ro command.";
  if (of_replica(context_.client)) return "READONLY Can not run script with write flag on readonly replica.";
  const engine::Engine& engine = context_.server.engine();
  if (!engine.writable())
    return "MISCONF Errors writing to the commit log: " + engine.write_refusal().message();
  if ((flags & kScriptAllowOom) == 0 && context_.client.io_thread().dispatcher().memory_is_full())
    return "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";
  return {};
}

std::unique_ptr<ScriptNeeds> ScriptRun::run(std::span<const std::string_view> keys,
                                            std::span<const std::string_view> arguments) {
  if (const std::string error = refusal_of_script(); !error.empty()) {
    context_.reply.error(error);
    return nullptr;
  }
  const Interpreter::Run run{compiled_.function, compiled_.script->hex, keys, arguments};
  // All of it or nothing: what lasts stays, as after any error of a script.
  if (interpreter_.run(run, *this, context_.reply) == Interpreter::Outcome::kStopped && !lasting_) {
    undo_.take_back(context_.operation);
    events_.clear();
  }
  tell_events();
  return std::move(needs_);
}

// --- One command.

bool ScriptRun::out_of_memory() {
  if (memory_ == Memory::kUnknown)
    memory_ = context_.client.io_thread().dispatcher().memory_is_full() ? Memory::kFull : Memory::kThere;
  return memory_ == Memory::kFull;
}

std::string ScriptRun::refusal(const Command* command, std::span<std::string_view> arguments) {
  if (command == nullptr) return "ERR Unknown Redis command called from script";
  const CommandSpec& spec = *command->spec;
  const int count = static_cast<int>(arguments.size());
  if (spec.arity >= 0 ? count != spec.arity : count < -spec.arity)
    return "ERR Wrong number of args calling Redis command from script";
  if ((spec.flags & kNoScript) != 0) return "ERR This Redis command is not allowed from script";
  Dispatcher& dispatcher = context_.client.io_thread().dispatcher();
  const acl::Verdict verdict =
      dispatcher.verdict_on(context_.client, *command, arguments, acl::Where::kScript);
  if (!verdict.allowed()) [[unlikely]]
    return "ERR ACL failure in script: " +
           refusal_text(verdict, *context_.client.rights.user, *command, arguments, false);
  if ((spec.flags & (kWrite | kMayReplicate)) != 0) {
    if (read_only_) return "ERR Write commands are not allowed from read-only scripts.";
    if (of_replica(context_.client) && (spec.flags & kWrite) != 0)
      return "READONLY You can't write against a read only replica.";
    const engine::Engine& engine = context_.server.engine();
    if (!engine.writable())
      return "MISCONF Errors writing to the commit log: " + engine.write_refusal().message();
  }
  if ((spec.flags & kDenyOom) != 0 && !written_ && (compiled_.script->flags & kScriptAllowOom) == 0 &&
      out_of_memory())
    return "OOM command not allowed when used memory > 'maxmemory'.";
  if (cluster_ && ((spec.flags & kWholeKeyspace) != 0 || spec.scope == Scope::kKeyspace))
    return "ERR in a cluster no node holds all keys: scripts may not ask for them";
  return {};
}

ScriptHost::Went ScriptRun::call(std::span<std::string_view> arguments, resp::ReplyWriter& reply) {
  if (++calls_ % kCallsPerLook == 0 && look() == Went::kStop) return Went::kStop;
  const CommandTable& table = context_.server.commands();
  const Command* command = table.find(arguments[0]);
  if (command != nullptr && !command->subcommands.empty() && arguments.size() > 1)
    command = CommandTable::find_subcommand(*command, arguments[1]);
  if (const std::string error = refusal(command, arguments); !error.empty()) [[unlikely]] {
    reply.error(error);
    return Went::kRefused;
  }
  const uint32_t flags = command->spec->flags;
  if ((flags & kWholeKeyspace) != 0 && !everything_) {
    if (start_over(nullptr)) return Went::kStop;
    reply.error("ERR a script that has changed something cannot lock the whole keyspace any more");
    return Went::kRefused;
  }
  switch (prepare_keys(*command, arguments, reply)) {
    case Keys::kReady:
      break;
    case Keys::kRefused:
      return Went::kRefused;
    case Keys::kMissing:
      return Went::kStop;
  }
  if ((flags & (kWrite | kMayReplicate)) != 0) {
    written_ = true;
    // What has no keys changes more than is kept, or tells others at once.
    if (keys_.empty() || events_.size() > kMostEvents) make_lasting();
    for (const engine::KeyRef& key : keys_) keep(key);
  }
  const engine::Key* const first = keys_.empty() ? nullptr : &keys_.front().key;
  context_.client.io_thread().dispatcher().call_from_script(context_.client, *command, arguments,
                                                            context_.operation, reply, first);
  return Went::kOn;
}

const engine::KeyRef* ScriptRun::find_declared(int database, std::string_view name) const {
  if (!index_.empty()) {
    const auto found = index_.find({database, name});
    return found == index_.end() ? nullptr : found->second;
  }
  for (const engine::KeyRef& declared : declared_) {
    if (declared.key.name == name && declared.database == database) return &declared;
  }
  return nullptr;
}

ScriptRun::Keys ScriptRun::prepare_keys(const Command& command, std::span<std::string_view> arguments,
                                        resp::ReplyWriter& reply) {
  keys_.clear();
  if (!command.has_keys) return Keys::kReady;
  const CommandSpec& spec = *command.spec;
  const int database = context_.client.database;
  if (!find_keys(spec, arguments, &positions_)) return Keys::kReady;
  for (const int position : positions_) {
    std::string_view& name = arguments[static_cast<size_t>(position)];
    // A declared key is known with its hash.
    if (const engine::KeyRef* const declared = find_declared(database, name); declared != nullptr) {
      name = declared->key.name;
      keys_.push_back(*declared);
    } else {
      keys_.push_back({database, engine::Key(name)});
    }
  }
  if (spec.extra_keys != nullptr) spec.extra_keys(arguments, database, &keys_);
  for (const engine::KeyRef& key : keys_) {
    if (find_declared(key.database, key.key.name) != nullptr || reach(key)) [[likely]]
      continue;
    if (needs_ != nullptr) return Keys::kMissing;
    reply.error(why_);
    why_.clear();
    return Keys::kRefused;
  }
  return Keys::kReady;
}

// Of a key that was not declared.
bool ScriptRun::reach(const engine::KeyRef& key) {
  if (cluster_) {
    const bool same_slot = std::any_of(
        declared_.begin(), declared_.end(),
        [&](const engine::KeyRef& declared) { return declared.key.partition == key.key.partition; });
    why_ = same_slot ? "ERR Script attempted to access a key that it did not declare"
                     : "ERR Script attempted to access a non local key in a cluster node";
    return false;
  }
  std::string place = place_of(key);
  if (reached_.contains(place)) return true;
  if (context_.operation.try_lock_more(key) && context_.operation.resident(key)) {
    reached_.insert(std::move(place));
    return true;
  }
  if (!start_over(&key))
    why_ =
        "ERR Script touched a key that it did not declare and that is not at hand, after what cannot be "
        "taken back";
  return false;
}

void ScriptRun::keep(const engine::KeyRef& key) {
  if (lasting_ || undo_.kept(key)) return;
  context_.operation.count_lookups(false);
  if (!undo_.keep(context_.operation, key)) make_lasting();
}

void ScriptRun::make_lasting() {
  if (lasting_) return;
  lasting_ = true;
  context_.server.running_scripts().set_lasting(loop_);
  context_.client.untold = nullptr;
  tell_events();
}

void ScriptRun::tell_events() {
  NotificationSink* const sink = context_.server.notification_sink();
  for (const KeyEvent& event : events_)
    sink->notify(event.event_class, event.event, event.key, event.database);
  events_.clear();
}

bool ScriptRun::start_over(const engine::KeyRef* key) {
  if (context_.in_exec || cluster_ || lasting_) return false;
  needs_ = std::make_unique<ScriptNeeds>();
  for (const std::string& place : reached_) {
    const size_t colon = place.find(':');
    needs_->add({std::stoi(place.substr(0, colon)), engine::Key(std::string_view(place).substr(colon + 1))});
  }
  if (key != nullptr) {
    needs_->everything = everything_ || !context_.operation.locked_partition(key->key.partition);
    needs_->add(*key);
  } else {
    needs_->everything = true;
  }
  return true;
}

// --- Between commands.

ScriptHost::Went ScriptRun::look() {
  Server& server = context_.server;
  RunningScripts& running = server.running_scripts();
  if (loop_ == 0) server.look_for_signals();
  if (running.kill_wanted(loop_) && (!lasting_ || running.ending())) {
    why_ = "Script killed by user with SCRIPT KILL.";
    log_text(LogLevel::kNotice, "Lua script killed by user with SCRIPT KILL.");
    return Went::kStop;
  }
  const int64_t elapsed_us = running.elapsed_us(loop_);
  const int64_t threshold_ms = server.settings().busy_reply_threshold_ms;
  if (threshold_ms == 0 || elapsed_us < threshold_ms * 1000) return Went::kOn;
  if (cluster_) {
    // What other nodes send waits for its stripes, and its client has an answer by now.
    why_ = "Script ended: in a cluster none may run for longer than busy-reply-threshold, " +
           std::to_string(threshold_ms) + " ms.";
    log_text(LogLevel::kWarning,
             "A script was ended after " + std::to_string(elapsed_us / 1000) +
                 " milliseconds, which are more than busy-reply-threshold: " + compiled_.script->hex + ".");
    return Went::kStop;
  }
  if (!told_) {
    told_ = true;
    log_text(
        LogLevel::kWarning,
        "Slow script detected: still in execution after " + std::to_string(elapsed_us / 1000) +
            " milliseconds. You can try killing the script using the SCRIPT KILL command. Script name is: " +
            compiled_.script->hex + ".");
  }
  if (elapsed_us - served_us_ >= kServeUs) {
    served_us_ = elapsed_us;
    context_.client.io_thread().serve_while_busy(context_.client, context_.operation);
  }
  return Went::kOn;
}

void ScriptRun::log(int level, std::string_view text) {
  log_text(kLogLevels[level], std::string(text));
}

ScriptHost::May ScriptRun::may_call(std::span<const std::string_view> arguments) {
  const Command* command = context_.server.commands().find(arguments[0]);
  if (command != nullptr && !command->subcommands.empty() && arguments.size() > 1)
    command = CommandTable::find_subcommand(*command, arguments[1]);
  if (command == nullptr) return May::kUnknown;
  Dispatcher& dispatcher = context_.client.io_thread().dispatcher();
  return dispatcher.may_run(context_.client, *command, arguments) ? May::kYes : May::kNo;
}

}  // namespace starling::server
