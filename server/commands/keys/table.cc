// What the commands on keys of whatever type are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/keys/handlers.h"

namespace starling::server {
namespace {

constexpr uint32_t kReads = kCatKeyspace | kCatRead;
constexpr CommandChange kExistsHistory[] = {{"3.0.3", "Several keys."}};
constexpr CommandChange kRenamenxHistory[] = {{"3.2.0", "No error any more when both names are the same."}};

constexpr uint32_t kWrites = kCatKeyspace | kCatWrite;

constexpr CommandChange kFlushallHistory[] = {{"4.0.0", "ASYNC."}, {"6.2.0", "SYNC."}};
constexpr CommandChange kFlushdbHistory[] = {{"4.0.0", "ASYNC."}, {"6.2.0", "SYNC."}};

constexpr CommandChange kRestoreHistory[] = {
    {"3.0.0", "REPLACE."}, {"5.0.0", "ABSTTL."}, {"5.0.0", "IDLETIME and FREQ."}};

constexpr std::string_view kExpiryConditions = "NX, XX, GT and LT.";
constexpr std::string_view kAbsentKey = "-2 for a key that does not exist.";
constexpr CommandChange kExpireHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kExpireatHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kPexpireHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kPexpireatHistory[] = {{"7.0.0", kExpiryConditions}};
constexpr CommandChange kPttlHistory[] = {{"2.8.0", kAbsentKey}};
constexpr CommandChange kTtlHistory[] = {{"2.8.0", kAbsentKey}};

// Both kinds have one key, first, and are fast.
CommandSpec spec(std::string_view usage, Handler handler, std::string_view since, std::string_view summary,
                 const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .handler = handler,
          .group = "generic",
          .since = since,
          .summary = summary,
          .docs = docs};
}

CommandSpec writing(int arity, CommandSpec spec) {
  spec.arity = arity;
  spec.flags = kWrite | kFast | kMerges;
  spec.categories = kCatKeyspace | kCatWrite | kCatFast;
  spec.keys = key_at(1, kKeyRW | kKeyUpdate);
  return spec;
}

CommandSpec reading(CommandSpec spec) {
  spec.arity = 2;
  spec.flags = kReadOnly | kFast;
  spec.categories = kCatKeyspace | kCatRead | kCatFast;
  spec.keys = key_at(1, kKeyRO | kKeyAccess);
  return spec;
}

CommandSpec of_key(std::string_view usage, Handler handler, std::string_view summary,
                   const Documentation& docs, std::string_view difference = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = 3,
          .flags = kReadOnly,
          .categories = kCatKeyspace | kCatRead | kCatSlow,
          .keys = key_at(2, kKeyRO),
          .handler = handler,
          .group = "generic",
          .since = "2.2.3",
          .summary = summary,
          .difference = difference,
          .docs = docs};
}

std::span<const CommandSpec> object_subcommands() {
  static const std::array subcommands = {
      of_key("encoding key", keys::encoding, "How the value of a key is kept.",
             {.complexity = "O(1)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output"}},
             "follows from the content alone: a value that Redis converted and that then shrank, or a string "
             "that was "
             "appended to, shows as newly made"),
      [] {
        CommandSpec spec = of_key("freq key", keys::freq, "How often a key was used lately.",
                                  {.complexity = "O(1)", .tips = {"nondeterministic_output"}});
        spec.since = "4.0.0";
        return spec;
      }(),
      of_key("idletime key", keys::idletime, "The seconds since a key was last used.",
             {.complexity = "O(1)", .tips = {"nondeterministic_output"}}),
      of_key("refcount key", keys::refcount, "How many references a value has.",
             {.complexity = "O(1)", .tips = {"nondeterministic_output"}},
             "what Redis would answer for the same content"),
      CommandSpec{.name = "help",
                  .arity = 2,
                  .flags = kLoading | kStale,
                  .categories = kCatKeyspace | kCatSlow,
                  .handler = keys::help,
                  .group = "generic",
                  .since = "6.2.0",
                  .summary = "Explains the subcommands.",
                  .scope = Scope::kNode},
  };
  return subcommands;
}

constexpr CommandChange kScanHistory[] = {{"6.0.0", "TYPE."}};

}  // namespace

std::span<const CommandSpec> key_commands() {
  static const std::array commands = {
      CommandSpec{.name = "del",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kWrite,
                  .categories = kWrites | kCatSlow,
                  .keys = keys_from(1, kKeyRM | kKeyDelete),
                  .handler = keys::del,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Removes keys; answers how many there were.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"}}},
      CommandSpec{.name = "unlink",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kWrite | kFast,
                  .categories = kWrites | kCatFast,
                  .keys = keys_from(1, kKeyRM | kKeyDelete),
                  .handler = keys::del,
                  .group = "generic",
                  .since = "4.0.0",
                  .summary = "Does what DEL does.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(1)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"}}},
      CommandSpec{.name = "exists",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly | kFast,
                  .categories = kReads | kCatFast,
                  .keys = keys_from(1, kKeyRO),
                  .handler = keys::exists,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "How many of the keys exist; one named twice counts twice.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"},
                           .history = kExistsHistory}},
      CommandSpec{.name = "touch",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly | kFast,
                  .categories = kReads | kCatFast,
                  .keys = keys_from(1, kKeyRO),
                  .handler = keys::touch,
                  .group = "generic",
                  .since = "3.2.1",
                  .summary = "Marks keys as used now; answers how many exist.",
                  .join = Join::kSum,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_sum"}}},
      CommandSpec{.name = "type",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kReads | kCatFast,
                  .keys = key_at(1, kKeyRO),
                  .handler = keys::type,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "The type of what a key holds, or none.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "rename",
                  .syntax = "key newkey:key",
                  .arity = 3,
                  .flags = kWrite,
                  .categories = kWrites | kCatSlow,
                  .keys = {key_at(1, kKeyRW | kKeyAccess | kKeyDelete), key_at(2, kKeyOW | kKeyUpdate)},
                  .handler = keys::rename,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Gives a key another name, over whatever had it.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "renamenx",
                  .syntax = "key newkey:key",
                  .arity = 3,
                  .flags = kWrite | kFast,
                  .categories = kWrites | kCatFast,
                  .keys = {key_at(1, kKeyRW | kKeyAccess | kKeyDelete), key_at(2, kKeyOW | kKeyInsert)},
                  .handler = keys::renamenx,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Gives a key another name, unless that is taken.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop, .history = kRenamenxHistory}},
      CommandSpec{
          .name = "wait",
          .syntax = "numreplicas:integer timeout:integer",
          .arity = 3,
          .flags = kNoScript,
          .categories = kCatSlow | kCatConnection,
          .handler = keys::wait,
          .group = "generic",
          .since = "3.0.0",
          .summary =
              "Waits until so many other replicas have the connection's last write; answers how many have.",
          .difference =
              "on a node by itself 0 at once instead of after the timeout; in a cluster it asks for the "
              "first key of the last write",
          .scope = Scope::kNode,
          .docs = {.complexity = "O(1)", .tips = {"request_policy:all_shards", "response_policy:agg_min"}}},
  };
  return commands;
}

std::span<const CommandSpec> database_commands() {
  static const std::array commands = {
      CommandSpec{.name = "copy",
                  .syntax = "source:key destination:key [DB destination-db:integer] [REPLACE]",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kWrites | kCatSlow,
                  .keys = {key_at(1, kKeyRO | kKeyAccess), key_at(2, kKeyOW | kKeyUpdate)},
                  .handler = keys::copy,
                  .group = "generic",
                  .since = "6.2.0",
                  .summary = "Copies what a key holds to another key, in any database.",
                  .extra_keys = keys::copy_target,
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "move",
                  .syntax = "key db:integer",
                  .arity = 3,
                  .flags = kWrite | kFast,
                  .categories = kWrites | kCatFast,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = keys::move,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "Moves a key to another database, unless it is there already.",
                  .extra_keys = keys::move_target,
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "swapdb",
                  .syntax = "index1:integer index2:integer",
                  .arity = 3,
                  .flags = kWrite | kFast | kWholeKeyspace,
                  .categories = kWrites | kCatFast | kCatDangerous,
                  .handler = keys::swapdb,
                  .group = "server",
                  .since = "4.0.0",
                  .summary = "Lets two databases change places, for all clients at once.",
                  .scope = Scope::kKeyspace,
                  .renumbers = Renumbers::kSwaps,
                  .docs = {.complexity = "O(N)", .work = Work::kOfFewThings}},
      CommandSpec{.name = "flushdb",
                  .syntax = "[async= ASYNC@4.0.0 | SYNC@6.2.0]",
                  .arity = -1,
                  .flags = kWrite | kWholeKeyspace,
                  .categories = kWrites | kCatSlow | kCatDangerous,
                  .handler = keys::flushdb,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Removes all keys of the selected database.",
                  .scope = Scope::kKeyspace,
                  .join = Join::kStatus,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kElsewhere,
                           .tips = {"request_policy:all_shards", "response_policy:all_succeeded"},
                           .history = kFlushdbHistory}},
      CommandSpec{.name = "flushall",
                  .syntax = "[async= ASYNC@4.0.0 | SYNC@6.2.0]",
                  .arity = -1,
                  .flags = kWrite | kWholeKeyspace,
                  .categories = kWrites | kCatSlow | kCatDangerous,
                  .handler = keys::flushall,
                  .group = "server",
                  .since = "1.0.0",
                  .summary = "Removes all keys of all databases.",
                  .scope = Scope::kKeyspace,
                  .join = Join::kStatus,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kElsewhere,
                           .tips = {"request_policy:all_shards", "response_policy:all_succeeded"},
                           .history = kFlushallHistory}},
      CommandSpec{
          .name = "dbsize",
          .arity = 1,
          .flags = kReadOnly | kFast,
          .categories = kCatKeyspace | kCatRead | kCatFast,
          .handler = keys::dbsize,
          .group = "server",
          .since = "1.0.0",
          .summary = "How many keys the selected database has.",
          .scope = Scope::kKeyspace,
          .join = Join::kSum,
          .docs = {.complexity = "O(1)", .tips = {"request_policy:all_shards", "response_policy:agg_sum"}}},
  };
  return commands;
}

std::span<const CommandSpec> dump_commands() {
  static const std::array commands = {
      CommandSpec{
          .name = "dump",
          .syntax = "key",
          .arity = 2,
          .flags = kReadOnly,
          .categories = kCatKeyspace | kCatRead | kCatSlow,
          .keys = key_at(1, kKeyRO | kKeyAccess),
          .handler = keys::dump,
          .group = "generic",
          .since = "2.6.0",
          .summary = "What a key holds, as bytes that RESTORE takes.",
          .difference =
              "never compresses, so that long values give other bytes, which restore to the same value",
          .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output"}}},
      CommandSpec{.name = "restore",
                  .syntax = "key ttl:integer serialized-value [REPLACE]@3.0.0 [ABSTTL]@5.0.0 [IDLETIME "
                            "seconds:integer]@5.0.0 [FREQ frequency:integer]@5.0.0",
                  .arity = -4,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatKeyspace | kCatWrite | kCatSlow | kCatDangerous,
                  .keys = key_at(1, kKeyOW | kKeyUpdate),
                  .handler = keys::restore,
                  .group = "generic",
                  .since = "2.6.0",
                  .summary = "Makes a key of what DUMP gave.",
                  .difference = "no modules; a payload with bytes to spare is refused",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop, .history = kRestoreHistory}},
  };
  return commands;
}

std::span<const CommandSpec> expire_commands() {
  static const std::array commands = {
      writing(-3, spec("expire key seconds:integer [condition= NX | XX | GT | LT]@7.0.0", keys::expire,
                       "1.0.0", "Sets in how many seconds a key expires.",
                       {.complexity = "O(1)", .history = kExpireHistory})),
      writing(-3, spec("pexpire key milliseconds:integer [condition= NX | XX | GT | LT]@7.0.0", keys::pexpire,
                       "2.6.0", "Sets in how many milliseconds a key expires.",
                       {.complexity = "O(1)", .history = kPexpireHistory})),
      writing(-3, spec("expireat key unix-time-seconds:unix-time [condition= NX | XX | GT | LT]@7.0.0",
                       keys::expireat, "1.2.0", "Sets when a key expires, in Unix seconds.",
                       {.complexity = "O(1)", .history = kExpireatHistory})),
      writing(-3, spec("pexpireat key unix-time-milliseconds:unix-time [condition= NX | XX | GT | LT]@7.0.0",
                       keys::pexpireat, "2.6.0", "Sets when a key expires, in Unix milliseconds.",
                       {.complexity = "O(1)", .history = kPexpireatHistory})),
      writing(2, spec("persist key", keys::persist, "2.2.0", "Lets a key live for ever again.",
                      {.complexity = "O(1)"})),
      reading(spec("ttl key", keys::ttl, "1.0.0", "The seconds a key has left to live.",
                   {.complexity = "O(1)", .tips = {"nondeterministic_output"}, .history = kTtlHistory})),
      reading(spec("pttl key", keys::pttl, "2.6.0", "The milliseconds a key has left to live.",
                   {.complexity = "O(1)", .tips = {"nondeterministic_output"}, .history = kPttlHistory})),
      reading(spec("expiretime key", keys::expiretime, "7.0.0", "When a key expires, in Unix seconds.",
                   {.complexity = "O(1)"})),
      reading(spec("pexpiretime key", keys::pexpiretime, "7.0.0", "When a key expires, in Unix milliseconds.",
                   {.complexity = "O(1)"})),
  };
  return commands;
}

std::span<const CommandSpec> object_commands() {
  static const std::array commands = {
      CommandSpec{.name = "object",
                  .arity = -2,
                  .categories = kCatSlow,
                  .group = "generic",
                  .since = "2.2.3",
                  .summary = "Shows how a value is kept.",
                  .subcommands = object_subcommands()},
  };
  return commands;
}

std::span<const CommandSpec> scan_commands() {
  static const std::array commands = {
      CommandSpec{.name = "keys",
                  .syntax = "pattern",
                  .arity = 2,
                  .flags = kReadOnly | kWholeKeyspace,
                  .categories = kCatKeyspace | kCatRead | kCatSlow | kCatDangerous,
                  .handler = keys::keys,
                  .group = "generic",
                  .since = "1.0.0",
                  .summary = "All keys that match a pattern.",
                  .difference =
                      "other clients go on meanwhile: keys that they make or remove may or may not be listed",
                  .scope = Scope::kKeyspace,
                  .join = Join::kNames,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kElsewhere,
                           .tips = {"request_policy:all_shards", "nondeterministic_output_order"}}},
      CommandSpec{.name = "scan",
                  .syntax = "cursor:integer [MATCH pattern] [COUNT count:integer] [TYPE type]@6.0.0",
                  .arity = -2,
                  .flags = kReadOnly | kWholeKeyspace,
                  .categories = kCatKeyspace | kCatRead | kCatSlow,
                  .handler = keys::scan,
                  .group = "generic",
                  .since = "2.8.0",
                  .summary = "Walks over the keys of a database in steps.",
                  .scope = Scope::kKeyspace,
                  .join = Join::kWalk,
                  .docs = {.complexity = "O(1)",
                           .work = Work::kElsewhere,
                           .tips = {"nondeterministic_output", "request_policy:special"},
                           .history = kScanHistory}},
      CommandSpec{
          .name = "randomkey",
          .arity = 1,
          .flags = kReadOnly | kWholeKeyspace,
          .categories = kCatKeyspace | kCatRead | kCatSlow,
          .handler = keys::randomkey,
          .group = "generic",
          .since = "1.0.0",
          .summary = "Any key of the database.",
          .scope = Scope::kKeyspace,
          .join = Join::kAnyName,
          .docs = {.complexity = "O(1)", .tips = {"request_policy:all_shards", "nondeterministic_output"}}},
  };
  return commands;
}

}  // namespace starling::server
