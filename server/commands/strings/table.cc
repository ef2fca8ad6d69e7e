// What the commands on strings are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/strings/handlers.h"

namespace starling::server {
namespace {

constexpr uint32_t kFastRead = kCatRead | kCatString | kCatFast;
constexpr uint32_t kFastWrite = kCatWrite | kCatString | kCatFast;
constexpr uint32_t kSlowWrite = kCatWrite | kCatString | kCatSlow;

constexpr CommandChange kSetHistory[] = {{"2.6.12", "EX, PX, NX and XX."},
                                         {"6.0.0", "KEEPTTL."},
                                         {"6.2.0", "GET, EXAT and PXAT."},
                                         {"7.0.0", "NX and GET together."}};

constexpr CommandSpec adder(std::string_view usage, int arity, Handler handler, std::string_view since,
                            std::string_view summary, const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kWrite | kDenyOom | kFast,
          .categories = kCatWrite | kCatString | kCatFast,
          .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
          .handler = handler,
          .group = "string",
          .since = since,
          .summary = summary,
          .docs = docs};
}

constexpr CommandSpec range_reader(std::string_view usage, std::string_view since, std::string_view summary,
                                   const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = 4,
          .flags = kReadOnly,
          .categories = kCatRead | kCatString | kCatSlow,
          .keys = key_at(1, kKeyRO | kKeyAccess),
          .handler = strings::getrange,
          .group = "string",
          .since = since,
          .summary = summary,
          .docs = docs};
}

}  // namespace

std::span<const CommandSpec> string_commands() {
  static const std::array commands = {
      CommandSpec{.name = "get",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = strings::get,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "The value of a string.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "getdel",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kWrite | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyDelete),
                  .handler = strings::getdel,
                  .group = "string",
                  .since = "6.2.0",
                  .summary = "The value of a string, which is then deleted.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "getex",
                  .syntax = "key [expiration= EX seconds:integer | PX milliseconds:integer | EXAT "
                            "unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | PERSIST]",
                  .arity = -2,
                  .flags = kWrite | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = strings::getex,
                  .group = "string",
                  .since = "6.2.0",
                  .summary = "The value of a string, whose time to live is set or removed.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "getset",
                  .syntax = "key value",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = strings::getset,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "Sets a string and answers what it was before.",
                  .docs = {.complexity = "O(1)", .deprecated = {"6.2.0", "SET with GET"}}},
      CommandSpec{
          .name = "mget",
          .syntax = "key ...",
          .arity = -2,
          .flags = kReadOnly | kFast,
          .categories = kFastRead,
          .keys = keys_from(1, kKeyRO | kKeyAccess),
          .handler = strings::mget,
          .group = "string",
          .since = "1.0.0",
          .summary = "The values of several strings, null for what is none.",
          .join = Join::kInOrder,
          .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .tips = {"request_policy:multi_shard"}}},
      CommandSpec{.name = "mset",
                  .syntax = "{key value} ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = keys_from(1, kKeyOW | kKeyUpdate, 2),
                  .handler = strings::mset,
                  .group = "string",
                  .since = "1.0.1",
                  .summary = "Sets several strings at once.",
                  .reads_before = never_reads,
                  .join = Join::kStatus,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:all_succeeded"}}},
      CommandSpec{.name = "msetnx",
                  .syntax = "{key value} ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = keys_from(1, kKeyOW | kKeyInsert, 2),
                  .handler = strings::msetnx,
                  .group = "string",
                  .since = "1.0.1",
                  .summary = "Sets several strings at once, unless one of the keys exists.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"request_policy:multi_shard", "response_policy:agg_min"}}},
      CommandSpec{.name = "psetex",
                  .syntax = "key milliseconds:integer value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = key_at(1, kKeyOW | kKeyUpdate),
                  .handler = strings::psetex,
                  .group = "string",
                  .since = "2.6.0",
                  .summary = "Sets a string and its time to live in milliseconds.",
                  .reads_before = never_reads,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{
          .name = "set",
          .syntax =
              "key value [condition= NX | XX]@2.6.12 [GET]@6.2.0 [expiration= EX seconds:integer@2.6.12 | PX "
              "milliseconds:integer@2.6.12 | EXAT unix-time-seconds:unix-time@6.2.0 | PXAT "
              "unix-time-milliseconds:unix-time@6.2.0 | KEEPTTL@6.0.0]",
          .arity = -3,
          .flags = kWrite | kDenyOom,
          .categories = kSlowWrite,
          .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariable),
          .handler = strings::set,
          .group = "string",
          .since = "1.0.0",
          .summary = "Sets a string, with conditions and a time to live if wanted.",
          .reads_before = strings::set_reads_before,
          .exact_use = strings::exact_set_use,
          .docs = {.complexity = "O(1)", .history = kSetHistory}},
      CommandSpec{.name = "setex",
                  .syntax = "key seconds:integer value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = key_at(1, kKeyOW | kKeyUpdate),
                  .handler = strings::setex,
                  .group = "string",
                  .since = "2.0.0",
                  .summary = "Sets a string and its time to live in seconds.",
                  .reads_before = never_reads,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "setnx",
                  .syntax = "key value",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyOW | kKeyInsert),
                  .handler = strings::setnx,
                  .group = "string",
                  .since = "1.0.0",
                  .summary = "Sets a string unless the key exists.",
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

std::span<const CommandSpec> string_number_commands() {
  static const std::array commands = {
      adder("decr key", 2, strings::decr, "1.0.0", "Subtracts one from an integer.", {.complexity = "O(1)"}),
      adder("decrby key decrement:integer", 3, strings::decrby, "1.0.0",
            "Subtracts a number from an integer.", {.complexity = "O(1)"}),
      adder("incr key", 2, strings::incr, "1.0.0", "Adds one to an integer.", {.complexity = "O(1)"}),
      adder("incrby key increment:integer", 3, strings::incrby, "1.0.0", "Adds a number to an integer.",
            {.complexity = "O(1)"}),
      adder("incrbyfloat key increment:double", 3, strings::incrbyfloat, "2.6.0",
            "Adds a number to a decimal number.", {.complexity = "O(1)"}),
  };
  return commands;
}

std::span<const CommandSpec> string_range_commands() {
  static const std::array commands = {
      CommandSpec{.name = "append",
                  .syntax = "key value",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kCatWrite | kCatString | kCatFast,
                  .keys = key_at(1, kKeyRW | kKeyInsert),
                  .handler = strings::append,
                  .group = "string",
                  .since = "2.0.0",
                  .summary = "Adds bytes to the end of a string.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      range_reader("getrange key start:integer end:integer", "2.4.0",
                   "A part of a string, by the positions of its first and last byte.",
                   {.complexity = "O(N)", .work = Work::kHoldsLoop}),
      CommandSpec{.name = "setrange",
                  .syntax = "key offset:integer value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatString | kCatSlow,
                  .keys = key_at(1, kKeyRW | kKeyUpdate),
                  .handler = strings::setrange,
                  .group = "string",
                  .since = "2.2.0",
                  .summary = "Overwrites a part of a string from an offset on.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "strlen",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kCatRead | kCatString | kCatFast,
                  .keys = key_at(1, kKeyRO),
                  .handler = strings::string_length,
                  .group = "string",
                  .since = "2.2.0",
                  .summary = "The size of a string in bytes.",
                  .docs = {.complexity = "O(1)"}},
      range_reader("substr key start:integer end:integer", "1.0.0", "The old name of GETRANGE.",
                   {.complexity = "O(N)", .work = Work::kHoldsLoop, .deprecated = {"2.0.0", "GETRANGE"}}),
  };
  return commands;
}

std::span<const CommandSpec> lcs_commands() {
  static const std::array commands = {
      CommandSpec{.name = "lcs",
                  .syntax = "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
                  .arity = -3,
                  .flags = kReadOnly,
                  .categories = kCatRead | kCatString | kCatSlow,
                  .keys = {{.use = kKeyRO | kKeyAccess, .first = 1, .last = 1}},
                  .handler = strings::lcs,
                  .group = "string",
                  .since = "7.0.0",
                  .summary = "The longest sequence of bytes that two strings have in common, gaps allowed.",
                  .docs = {.complexity = "O(N*M)", .work = Work::kElsewhere}},
  };
  return commands;
}

}  // namespace starling::server
