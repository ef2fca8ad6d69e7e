// What the commands on HyperLogLogs are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/hyperloglog/handlers.h"

namespace starling::server {

std::span<const CommandSpec> hyperloglog_commands() {
  static const std::array commands = {
      CommandSpec{.name = "pfadd",
                  .syntax = "key [element ...]",
                  .arity = -2,
                  .flags = kWrite | kDenyOom | kFast | kMerges,
                  .categories = kCatWrite | kCatHyperLogLog | kCatFast,
                  .keys = key_at(1, kKeyRW | kKeyInsert),
                  .handler = hyperloglog::add,
                  .group = "hyperloglog",
                  .since = "2.8.9",
                  .summary = "Adds elements to a HyperLogLog.",
                  .docs = {.complexity = "O(1) for each element."}},
      CommandSpec{.name = "pfcount",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly | kMayReplicate,
                  .categories = kCatRead | kCatHyperLogLog | kCatSlow,
                  .keys = keys_from(1, kKeyRW | kKeyAccess),
                  .handler = hyperloglog::count,
                  .group = "hyperloglog",
                  .since = "2.8.9",
                  .summary = "How many different elements were added to HyperLogLogs, about.",
                  .difference = "in a cluster it leaves the value as it is, and so counts each time",
                  .docs = {.complexity = "O(1), and little, of one key; O(N) of several.",
                           .work = Work::kOfFewThings}},
      CommandSpec{.name = "pfmerge",
                  .syntax = "destkey:key [sourcekey:key ...]",
                  .arity = -2,
                  .flags = kWrite | kDenyOom,
                  .categories = kCatWrite | kCatHyperLogLog | kCatSlow,
                  .keys = {key_at(1, kKeyRW | kKeyAccess | kKeyInsert), keys_from(2, kKeyRO | kKeyAccess)},
                  .handler = hyperloglog::merge,
                  .group = "hyperloglog",
                  .since = "2.8.9",
                  .summary = "Adds to a HyperLogLog what was added to others.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "pfdebug",
                  .syntax = "subcommand key",
                  .arity = 3,
                  .flags = kWrite | kDenyOom | kAdmin,
                  .categories = kCatWrite | kCatHyperLogLog | kCatAdmin | kCatSlow | kCatDangerous,
                  .keys = key_at(2, kKeyRW | kKeyAccess),
                  .handler = hyperloglog::debug,
                  .group = "hyperloglog",
                  .since = "2.8.9",
                  .summary = "How a HyperLogLog is kept.",
                  .docs = {.complexity = "N/A", .for_tests = true}},
      CommandSpec{.name = "pfselftest",
                  .arity = 1,
                  .flags = kAdmin,
                  .categories = kCatHyperLogLog | kCatAdmin | kCatSlow | kCatDangerous,
                  .handler = hyperloglog::self_test,
                  .group = "hyperloglog",
                  .since = "2.8.9",
                  .summary = "Whether HyperLogLogs are counted right.",
                  .scope = Scope::kNode,
                  .docs = {.complexity = "N/A", .for_tests = true}},
  };
  return commands;
}

}  // namespace starling::server
