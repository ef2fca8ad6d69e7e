// What the commands on strings of bits are.
#include <array>

#include "server/commands/bits/handlers.h"
#include "server/commands/families.h"

namespace starling::server {
namespace {

constexpr CommandChange kBitcountHistory[] = {{"7.0.0", "BYTE and BIT."}};
constexpr CommandChange kBitposHistory[] = {{"7.0.0", "BYTE and BIT."}};

}  // namespace

std::span<const CommandSpec> bit_commands() {
  static const std::array commands = {
      CommandSpec{.name = "bitcount",
                  .syntax = "key [index= start:integer end:integer [index_unit= BYTE | BIT]@7.0.0]",
                  .arity = -2,
                  .flags = kReadOnly,
                  .categories = kCatRead | kCatBitmap | kCatSlow,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = bits::bitcount,
                  .group = "bitmap",
                  .since = "2.6.0",
                  .summary = "How many bits of a string are set.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .history = kBitcountHistory}},
      CommandSpec{.name = "bitop",
                  .syntax = "operation destkey:key key ...",
                  .arity = -4,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatBitmap | kCatSlow,
                  .keys = {key_at(2, kKeyOW | kKeyUpdate), keys_from(3, kKeyRO | kKeyAccess)},
                  .handler = bits::bitop,
                  .group = "bitmap",
                  .since = "2.6.0",
                  .summary = "Combines strings bit by bit and stores the result.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "bitpos",
                  .syntax = "key bit:integer [index= start:integer [end_index= end:integer [index_unit= BYTE "
                            "| BIT]@7.0.0]]",
                  .arity = -3,
                  .flags = kReadOnly,
                  .categories = kCatRead | kCatBitmap | kCatSlow,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = bits::bitpos,
                  .group = "bitmap",
                  .since = "2.8.7",
                  .summary = "The position of the first bit that is set, or clear.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .history = kBitposHistory}},
      CommandSpec{.name = "getbit",
                  .syntax = "key offset:integer",
                  .arity = 3,
                  .flags = kReadOnly | kFast,
                  .categories = kCatRead | kCatBitmap | kCatFast,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = bits::getbit,
                  .group = "bitmap",
                  .since = "2.2.0",
                  .summary = "One bit of a string.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "setbit",
                  .syntax = "key offset:integer value:integer",
                  .arity = 4,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatBitmap | kCatSlow,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = bits::setbit,
                  .group = "bitmap",
                  .since = "2.2.0",
                  .summary = "Sets or clears one bit of a string.",
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

std::span<const CommandSpec> bitfield_commands() {
  static const std::array commands = {
      CommandSpec{.name = "bitfield",
                  .syntax = "key [operation= GET {encoding offset:integer} | {write= [OVERFLOW (WRAP | SAT | "
                            "FAIL)] (write_operation= SET {encoding offset:integer value:integer} | INCRBY "
                            "{encoding offset:integer increment:integer})}] ...",
                  .arity = -2,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatBitmap | kCatSlow,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariable),
                  .handler = bits::bitfield,
                  .group = "bitmap",
                  .since = "3.2.0",
                  .summary = "Reads, sets and adds to integers of any width within a string.",
                  .exact_use = bits::exact_bitfield_use,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "bitfield_ro",
                  .syntax = "key [GET {encoding offset:integer}] ...",
                  .arity = -2,
                  .flags = kReadOnly | kFast,
                  .categories = kCatRead | kCatBitmap | kCatFast,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = bits::bitfield_ro,
                  .group = "bitmap",
                  .since = "6.0.0",
                  .summary = "Reads integers of any width within a string.",
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

}  // namespace starling::server
