// How a command is declared and what its handler gets.
//
// A family's file in server/commands/ ends with tables of CommandSpec: one for the family, returned by a function
// that server/commands/all.cc lists, and one for each container's subcommands. COMMAND INFO, arity and state gates,
// key locking, the categories shown, the usage and summary in COMMAND DOCS and the compatibility table come from
// these declarations; complexity and tips from command_metadata.h, what changed when from command_history.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/operation.h"
#include "resp/reply_writer.h"
#include "resp/request_parser.h"
#include "server/notify_class.h"
#include "server/session/pending_reply.h"

namespace starling::server {

class Client;
class Server;
struct CommandContext;

// Redis's command flags (COMMAND INFO shows them by these names), then Starling's own for the dispatcher.
enum CommandFlag : uint32_t {
  kWrite = 1u << 0,
  kReadOnly = 1u << 1,
  kDenyOom = 1u << 2,
  kAdmin = 1u << 3,
  kPubSub = 1u << 4,
  kNoScript = 1u << 5,
  kBlocking = 1u << 6,
  kLoading = 1u << 7,
  kStale = 1u << 8,
  kFast = 1u << 9,
  kNoAuth = 1u << 10,
  kMayReplicate = 1u << 11,
  kNoMulti = 1u << 12,
  kMovableKeys = 1u << 13,
  kAllowBusy = 1u << 14,
  kSkipMonitor = 1u << 15,
  kSkipSlowlog = 1u << 16,
  kNoAsyncLoading = 1u << 17,
  kProtected = 1u << 18,
  kOnlySentinel = 1u << 19,
  kAsking = 1u << 20,
  // Own:
  kWholeKeyspace = 1u << 24,  // Locks every stripe when inside EXEC; takes the locks it needs itself outside.
};

// ACL categories by their bit; names as in ACL CAT.
enum Category : uint32_t {
  kCatKeyspace = 1u << 0,
  kCatRead = 1u << 1,
  kCatWrite = 1u << 2,
  kCatSet = 1u << 3,
  kCatSortedSet = 1u << 4,
  kCatList = 1u << 5,
  kCatHash = 1u << 6,
  kCatString = 1u << 7,
  kCatBitmap = 1u << 8,
  kCatHyperLogLog = 1u << 9,
  kCatGeo = 1u << 10,
  kCatStream = 1u << 11,
  kCatPubSub = 1u << 12,
  kCatAdmin = 1u << 13,
  kCatFast = 1u << 14,
  kCatSlow = 1u << 15,
  kCatBlocking = 1u << 16,
  kCatDangerous = 1u << 17,
  kCatConnection = 1u << 18,
  kCatTransaction = 1u << 19,
  kCatScripting = 1u << 20,
};

using Arguments = std::span<const std::string_view>;  // [0] is the command's name as sent.
using Handler = void (*)(CommandContext&);
// Positions of the keys in `arguments`, for commands whose first/last/step cannot say it. Returns false when
// the arguments make no sense (COMMAND GETKEYS answers an error; the handler will too).
using KeyFinder = bool (*)(Arguments arguments, std::vector<int>* positions);
// Whether the command, with these arguments, puts new values in the place of its keys without looking at what
// they hold.
using Overwrites = bool (*)(Arguments arguments);
// For commands that also touch keys of another database (MOVE, COPY … DB): adds those, which are then locked
// and resident too. `database` is the selected one. Arguments that make no sense add nothing.
using ExtraKeys = void (*)(Arguments arguments, int database, std::vector<engine::KeyRef>* keys);

// Positions of arguments that only the command may see (passwords), also where the arguments make no sense: see
// shown_arguments.h.
using SecretFinder = void (*)(Arguments arguments, std::vector<int>* positions);

// Positions of keys: first, last (negative counts from the end), step. {0,0,0}: none.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
};

// What a command does with its keys, as in Redis's key specifications (COMMAND INFO, GETKEYSANDFLAGS).
enum KeyUse : uint16_t {
  kKeyRO = 1 << 0,
  kKeyRW = 1 << 1,
  kKeyOW = 1 << 2,
  kKeyRM = 1 << 3,
  kKeyAccess = 1 << 4,
  kKeyUpdate = 1 << 5,
  kKeyInsert = 1 << 6,
  kKeyDelete = 1 << 7,
  kKeyVariable = 1 << 8,
  kKeyNotKey = 1 << 9,  // Placed like a key, but names something else: a channel.
};

struct CommandSpec {
  std::string_view name = {};  // Lower case. A subcommand's own word ("getname").
  // The arguments, as server/execute/argument_syntax.h has it: "key value [condition= NX | XX]".
  std::string_view syntax = {};
  int arity = 0;  // As in Redis: with the name; negative: at least.
  uint32_t flags = 0;
  uint32_t categories = 0;
  KeyPositions keys = {};
  uint16_t key_use = 0;
  Handler handler = nullptr;
  std::string_view group = {};  // "string", "hash", "generic", "connection", … as COMMAND DOCS names them.
  std::string_view since = {};  // The Redis version that has it, "1.0.0"; "starling" for our own.
  std::string_view summary = {};  // One line in our own words.
  KeyFinder find_keys = nullptr;
  std::span<const CommandSpec> subcommands = {};
  // For the compatibility table: empty when it behaves as Redis's, else how it differs, in one line.
  std::string_view difference = {};
  ExtraKeys extra_keys = nullptr;
  // Null: it looks at its keys, all of them, so in a cluster a quorum of replicas is asked before it runs.
  // Whatever its reply or its effect depends on (does the key exist, of which type is it, is there room) is a
  // look.
  Overwrites overwrites_blindly = nullptr;
  SecretFinder find_secrets = nullptr;
};

// For Overwrites: whatever the arguments are.
constexpr bool overwrites_always(Arguments) {
  return true;
}

// For declarations by functions that take a command's name and syntax as one: "setname connection-name".
constexpr std::string_view name_in(std::string_view usage) {
  return usage.substr(0, usage.find(' '));
}
constexpr std::string_view syntax_in(std::string_view usage) {
  return name_in(usage) == usage ? std::string_view() : usage.substr(name_in(usage).size() + 1);
}

// One execution of one command. All references outlive the handler's call and no longer.
struct CommandContext {
  Server& server;
  Client& client;
  const CommandSpec& spec;
  Arguments arguments;
  resp::ReplyWriter& reply;
  engine::Operation& operation;  // Locked for the command's keys, each resident.
  engine::Database database;     // The client's selected one; without keys only its index().
  bool in_exec;                  // Inside EXEC: must not suspend.
  // The first key with its hash computed already, when the command has keys at fixed positions.
  const engine::Key* first_key;
  // Where the arguments come from; null inside EXEC.
  resp::Request* request;

  int64_t now_ms() const { return operation.now_ms(); }
  size_t size() const { return arguments.size(); }
  std::string_view argument(size_t i) const { return arguments[i]; }
  engine::Key key(size_t i) const {
    return first_key != nullptr && arguments[i].data() == first_key->name.data() ? *first_key
                                                                                 : engine::Key(arguments[i]);
  }
  // If argument i arrived in an allocation of its own (big values do), hands it over: see
  // resp::Request::take_bulk().
  std::unique_ptr<char[]> take_argument(size_t i, size_t* size) const {
    return request != nullptr ? request->take_bulk(i, size) : nullptr;
  }
  // Publishes a keyspace event for a key of the selected database, if configured.
  void notify(NotifyClass event_class, std::string_view event, std::string_view key) const;
  void notify(NotifyClass event_class, std::string_view event, std::string_view key, int database) const;
  // The client waits until the reply is completed, from any thread; the handler writes nothing itself. Not
  // inside EXEC.
  PendingReply suspend() const;
  // Runs `work` on a disk thread and answers with what it returns; the client is suspended meanwhile (later
  // requests of its pipeline wait). Inside EXEC `work` runs at once, on this thread, with the operation's
  // locks held. Copy what `work` needs: arguments and database are gone by then.
  using Completion = PendingReply::Completion;
  void offload(std::function<Completion()> work) const;
  // The same for work that changes data with an Operation of its own: it stores what finish() returned to
  // `position`. Inside EXEC it must use `operation` instead, and leaves `position` alone.
  void offload_change(std::function<Completion(engine::LogPosition* position)> work) const;
};

}  // namespace starling::server
