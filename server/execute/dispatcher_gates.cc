// What stands before a command may run: that it exists and was asked for rightly, and that nothing forbids it
// now.
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "server/execute/dispatcher.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/replica_of/follower_role.h"
#include "server/server.h"

namespace starling::server {
namespace {

// While a script takes its time: what looks at data without keys may want any stripe. On keys the dispatcher finds out
// whether theirs are taken.
bool waits_for_scripts(const Command& command) {
  constexpr uint32_t kOfOthers = kCatConnection | kCatTransaction | kCatPubSub | kCatScripting;
  const CommandSpec& spec = *command.spec;
  return !command.has_keys && (spec.categories & kOfOthers) == 0 && (spec.flags & kAllowBusy) == 0;
}

// Of a node that follows a leader. A client of another node was looked at there.
std::string_view refusal_by_role(const Client& client, uint32_t flags) {
  if (!FollowerRole::any() || client.tunnel != nullptr) [[likely]]
    return {};
  const FollowerRole& role = FollowerRole::of_process();
  if ((flags & kWrite) != 0 && role.read_only(client.id()))
    return "READONLY You can't write against a read only replica.";
  // EXEC and scripts may run while data is loaded, but not what of them reads it.
  const bool reads = (flags & (kLoading | kStale)) == 0 || (flags & (kReadOnly | kScript)) != 0;
  return reads && role.unreadable(client.id()) ? kLoadingData : std::string_view();
}

// As C's "%.*s": ends at a NUL.
std::string_view text_of(std::string_view bytes, size_t max_bytes) {
  bytes = bytes.substr(0, max_bytes);
  return bytes.substr(0, bytes.find('\0'));
}

}  // namespace

// EXEC does what its queued commands do.
uint32_t Dispatcher::effective_flags(const Client& client, const Command& command) const {
  return command.spec->flags | (is_exec(command) ? client.transaction.flags : 0);
}

void Dispatcher::reject(Client& client, const Command* command, std::string_view error) {
  if (client.transaction.open) client.transaction.broken = true;
  const uint64_t from = client.output.position();
  if (command != nullptr) {
    io_thread_.statistics().commands[command->id].rejected.add(1);
    if (is_exec(*command)) {
      client.discard_transaction(server_.watches());
      if (error.starts_with("ERR ")) error.remove_prefix(4);
      client.reply.error("EXECABORT Transaction discarded because of: " + std::string(error));
      apply_reply_mode(client, from);
      return;
    }
  }
  client.reply.error(error);
  apply_reply_mode(client, from);
}

void Dispatcher::reject_unknown(Client& client, Arguments arguments) {
  if (equals_ignoring_case(arguments[0], "post") || equals_ignoring_case(arguments[0], "host:")) {
    log_text(LogLevel::kWarning, "Possible attack: " + client.address() +
                                     " sent an HTTP request. A web page may have been made to talk to this "
                                     "server; connection closed.");
    io_thread_.close(client);
    return;
  }
  constexpr size_t kShownBytes = 128;
  std::string shown;
  for (size_t i = 1; i < arguments.size() && shown.size() < kShownBytes; ++i) {
    shown += '\'';
    shown += text_of(arguments[i], kShownBytes - shown.size() + 1);
    shown += "' ";
  }
  reject(client, nullptr,
         "ERR unknown command '" + std::string(text_of(arguments[0], kShownBytes)) +
             "', with args beginning with: " + shown);
}

const Command* Dispatcher::resolve(Client& client, const Command* command, Arguments arguments) {
  if (command == nullptr) [[unlikely]] {
    reject_unknown(client, arguments);
    return nullptr;
  }
  if (!command->subcommands.empty() && arguments.size() > 1) {
    const Command* found = CommandTable::find_subcommand(*command, arguments[1]);
    if (found == nullptr) {
      std::string upper(command->spec->name);
      for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      reject(client, nullptr,
             "ERR unknown subcommand '" + std::string(text_of(arguments[1], 128)) + "'. Try " + upper +
                 " HELP.");
      return nullptr;
    }
    command = found;
  }
  const int count = static_cast<int>(arguments.size());
  const int arity = command->spec->arity;
  if (arity >= 0 ? count != arity : count < -arity) [[unlikely]] {
    reject(client, command, "ERR wrong number of arguments for '" + command->full_name + "' command");
    return nullptr;
  }
  return command;
}

// Redis's flag, with two exceptions: WATCH looks at its keys here, and what is published in a cluster is for the
// clients of nodes that cannot be reached yet.
bool Dispatcher::too_early(const Command& command) const {
  const uint32_t flags = command.spec->flags;
  if ((flags & kLoading) == 0 || command.has_keys) return true;
  return server_.settings().cluster_enabled && (flags & kMayReplicate) != 0;
}

bool Dispatcher::memory_is_full() const {
  return server_.settings().max_memory_bytes != 0 && server_.engine().make_room();
}

bool Dispatcher::out_of_memory(const Client& client, const Command& command) const {
  // A replica has what its leader has.
  if (server_.settings().max_memory_bytes == 0 ||
      (FollowerRole::any() && FollowerRole::of_process().is_leader(client.id())))
    return false;
  const bool may_need_memory = (effective_flags(client, command) & kDenyOom) != 0 ||
                               (client.transaction.open && (command.spec->in_multi == InMulti::kQueued ||
                                                            command.spec->in_multi == InMulti::kAnswered));
  return may_need_memory && server_.engine().make_room();
}

bool Dispatcher::refuse(Client& client, const Command& command, Arguments arguments) {
  const uint32_t flags = command.spec->flags;
  if (!client.authenticated && (flags & kNoAuth) == 0 && !server_.users().open()) [[unlikely]] {
    reject(client, &command, "NOAUTH Authentication required.");
    return true;
  }
  // The usual case: a user who may do everything, and no user has changed since that was found.
  if (client.rights.free_in != server_.users().generation() && refuse_by_rights(client, command, arguments))
      [[unlikely]]
    return true;
  if (server_.loading() && too_early(command)) [[unlikely]] {
    reject(client, &command, kLoadingData);
    return true;
  }
  if ((flags & kAllowBusy) == 0 && busy()) [[unlikely]] {
    reject(client, &command, kBusy);
    return true;
  }
  if ((flags & kProtected) != 0) [[unlikely]] {
    const DebugCommand allowed = server_.settings().debug_command;
    if (allowed == DebugCommand::kNo || (allowed == DebugCommand::kLocal && !client.peer_is_loopback())) {
      reject(
          client, &command,
          "ERR " +
              absl::AsciiStrToUpper(
                  std::string(command.parent ? command.parent->spec->name : command.spec->name)) +
              " command not allowed. If the enable-debug-command option is set to \"local\", you can run it "
              "from "
              "a local connection, otherwise you need to set this option in the configuration file, and then "
              "restart the server.");
      return true;
    }
  }
  if (client.transaction.open && (flags & kNoMulti) != 0) [[unlikely]] {
    reject(client, &command, "ERR Command not allowed inside a transaction");
    return true;
  }
  if (out_of_memory(client, command)) [[unlikely]] {
    reject(client, &command, "OOM command not allowed when used memory > 'maxmemory'.");
    return true;
  }
  if ((effective_flags(client, command) & kWrite) != 0 && !server_.engine().writable() &&
      !may_run_elsewhere(client, command)) [[unlikely]] {
    reject(client, &command,
           "MISCONF Errors writing to the commit log: " + server_.engine().write_refusal().message());
    return true;
  }
  if (const std::string_view refusal = refusal_by_role(client, effective_flags(client, command));
      !refusal.empty()) [[unlikely]] {
    reject(client, &command, refusal);
    return true;
  }
  if ((flags & kInSubscribeMode) == 0 && client.in_subscribe_mode()) [[unlikely]] {
    reject(client, &command,
           "ERR Can't execute '" + command.full_name +
               "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context");
    return true;
  }
  return false;
}

bool Dispatcher::waits_to_authenticate(Client& client, const Command& command, Arguments arguments) {
  if ((command.spec->flags & kNoAuth) == 0 || client.tunnel != nullptr) return false;
  if (std::exchange(client.waited_to_authenticate, false)) return false;
  const int64_t delay_ms = server_.auth_throttle().delay_ms(client.address(), io_thread_.now_ms());
  if (delay_ms == 0) return false;
  positions_.clear();
  command.spec->find_secrets(arguments, &positions_);
  if (positions_.empty()) return false;
  io_thread_.delay_authentication(client, delay_ms);
  return true;
}

Waiting Dispatcher::held_back(const Client& client, const Command& command) const {
  const ClientPause::Scope paused = server_.pause().active(io_thread_.now_ms());
  if (paused == ClientPause::Scope::kEverything) [[unlikely]]
    return Waiting::kForPause;
  const uint32_t flags = effective_flags(client, command);
  if (server_.running_scripts().any_slow() && waits_for_scripts(command)) [[unlikely]]
    return Waiting::kForWrites;
  if ((flags & (kWrite | kMayReplicate)) == 0) return Waiting::kNo;
  if (paused == ClientPause::Scope::kWrites) return Waiting::kForPause;
  // What only joins a transaction's queue changes nothing yet.
  if (client.transaction.open && !is_exec(command)) return Waiting::kNo;
  return (flags & (kWrite | kScriptWrites)) != 0 && server_.engine().congested() ? Waiting::kForWrites
                                                                                 : Waiting::kNo;
}

}  // namespace starling::server
