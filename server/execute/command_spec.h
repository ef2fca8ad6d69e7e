// How a command is declared: all that is to be known of it, said once.
//
// A family in server/commands/ has tables of CommandSpec: one for the family, returned by a function that
// server/commands/all.cc lists, and one for each container's subcommands. From them come COMMAND and its subcommands,
// the gates of the dispatcher, which keys are locked, read from the disk and asked of replicas, where a command runs in
// a cluster, how what several nodes answer becomes one reply, the ACL categories, and the compatibility table. Nobody
// outside of server/commands/ asks for a command's name to know what to do with it: tests/tidy/rules sees to that.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/core/operation.h"
#include "server/execute/command_documentation.h"
#include "server/execute/key_specification.h"

namespace starling::server {

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
  kNoMandatoryKeys = 1u << 21,
  // Own:
  kWholeKeyspace = 1u << 24,  // Locks every stripe when inside EXEC; takes the locks it needs itself outside.
  kInSubscribeMode = 1u << 25,  // A RESP2 client that listens may send it.
  kWatchesKeys = 1u << 26,      // Its keys are those that the next EXEC depends on.
  // What it does to a key that others change at the same time adds up, whatever its reply says: with strict quorums the
  // replicas need not agree to it first.
  kMerges = 1u << 27,
  kEndsServer = 1u << 28,    // Its client is answered by the end of the process.
  kUnwraps = 1u << 29,       // In a cluster, what runs is the command among its arguments.
  kScript = 1u << 22,        // Runs a script, which may need more than its keys.
  kScriptBySha = 1u << 23,   // One that is named by its SHA-1, which another node may not know.
  kScriptWrites = 1u << 30,  // One that may write: what it does is not known before.
  kKeepsCaching = 1u << 31,  // Does not use up what CLIENT CACHING said of the next command.
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

// What a command is about, and so which nodes of a cluster have to do with it.
enum class Scope : uint8_t {
  kKeys,      // What its keys hold: the nodes that hold them.
  kKeyspace,  // All keys of a database or of several: every node, for those that it answers for.
  kSession,   // The client's own connection, which stays where it is.
  kNode,      // What this node knows or does; that it may tell others is its own affair.
  // What all nodes know or do: all that can be reached are asked, and the client goes on when they have answered.
  kEveryNode,
};

// How the replies of several nodes become one (server/cluster/fan_out.h): of a command on keys, whose every key could
// have been given to a command of its own; of one over the whole keyspace, which every node does for its part.
enum class Join : uint8_t {
  kNone,     // It runs on one node, or not at all.
  kInOrder,  // An array with the values in the order of the keys.
  kStatus,   // OK when all said so.
  kSum,
  kNames,    // An array of all names.
  kAnyName,  // One of the names, of those that were told.
  kWalk,     // SCAN goes from node to node (server/cluster/scan_walk.h).
  kAnyOk,    // What one answered that did not answer an error, if there is one.
};

// Which arguments name channels that it sends to or begins to listen to.
enum class Channels : uint8_t {
  kNone,
  kFirst,
  kAll,
  kPatterns,  // All, and they are patterns.
};

// What becomes of it in an open transaction.
enum class InMulti : uint8_t {
  kQueued,
  kAnswered,  // Runs at once, and the transaction stays open.
  kEnds,      // Runs at once; no transaction is left behind it.
  kExecutes,  // Runs what was queued.
};

// What it does to the numbers that clients know databases by.
enum class Renumbers : uint8_t {
  kNothing,
  kSelects,  // The client goes on in the database that argument 1 names.
  kSwaps,    // Those that arguments 1 and 2 name change places.
};

using Handler = void (*)(CommandContext&);
// Positions of the keys in `arguments`, for commands whose specifications cannot say it. Returns false when the
// arguments make no sense (COMMAND GETKEYS answers an error; the handler will too).
using KeyFinder = bool (*)(Arguments arguments, std::vector<int>* positions);
// Of a key with kKeyVariable, its use with these arguments.
using ExactUse = uint16_t (*)(Arguments arguments);
// Whether the command, with these arguments, depends on what its keys hold.
using ReadsBefore = bool (*)(Arguments arguments);
// For commands that also touch keys of another database (MOVE, COPY … DB): adds those, which are then locked
// and resident too. `database` is the selected one. Arguments that make no sense add nothing.
using ExtraKeys = void (*)(Arguments arguments, int database, std::vector<engine::KeyRef>* keys);
// Positions of arguments that only the command may see (passwords), also where the arguments make no sense: see
// shown_arguments.h.
using SecretFinder = void (*)(Arguments arguments, std::vector<int>* positions);

constexpr bool always_reads(Arguments) {
  return true;
}
constexpr bool never_reads(Arguments) {
  return false;
}

struct CommandSpec {
  std::string_view name = {};  // Lower case. A subcommand's own word ("getname").
  // The arguments, as server/execute/argument_syntax.h has it: "key value [condition= NX | XX]".
  std::string_view syntax = {};
  int arity = 0;            // As in Redis: with the name; negative: at least.
  uint32_t flags = 0;       // CommandFlag bits.
  uint32_t categories = 0;  // Category bits.
  KeySpecifications keys = {};
  Handler handler = nullptr;    // Null for a container that is nothing without a subcommand.
  std::string_view group = {};  // "string", "hash", "generic", "connection", … as COMMAND DOCS names them.
  std::string_view since = {};  // The Redis version that has it, "1.0.0"; "starling" for our own.
  std::string_view summary = {};  // One line in our own words.
  KeyFinder find_keys = nullptr;
  std::span<const CommandSpec> subcommands = {};
  // For the compatibility table: empty when it behaves as Redis's, else how it differs, in one line.
  std::string_view difference = {};
  ExtraKeys extra_keys = nullptr;
  // In a cluster a quorum of replicas is asked what the keys hold before the command runs. Whatever its reply or its
  // effect depends on (does the key exist, of which type is it, is there room) is a look. Never null.
  ReadsBefore reads_before = always_reads;
  SecretFinder find_secrets = nullptr;
  ExactUse exact_use = nullptr;
  Scope scope = Scope::kKeys;
  Join join = Join::kNone;
  InMulti in_multi = InMulti::kQueued;
  Renumbers renumbers = Renumbers::kNothing;
  Channels channels = Channels::kNone;
  // Where the argument is that says how long it may wait for its keys (block_timeout.h); negative: counts from the end.
  // 0: it does not wait, or `timeout_in_option` is true.
  int8_t timeout_at = 0;
  // It waits where its option BLOCK says for how many milliseconds (XREAD).
  bool timeout_in_option = false;
  Documentation docs = {};
};

// Where the argument is that says how long it may wait; 0: with these arguments it does not wait.
size_t timeout_position(const CommandSpec& spec, Arguments arguments);

// For declarations by functions that take a command's name and syntax as one: "setname connection-name".
constexpr std::string_view name_in(std::string_view usage) {
  return usage.substr(0, usage.find(' '));
}
constexpr std::string_view syntax_in(std::string_view usage) {
  return name_in(usage) == usage ? std::string_view() : usage.substr(name_in(usage).size() + 1);
}

}  // namespace starling::server
