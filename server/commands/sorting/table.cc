// What SORT and SORT_RO are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/sorting/handlers.h"

namespace starling::server {
namespace {

// Their keys are not all among their arguments: like scripts they may need more than they are locked for.
constexpr uint32_t kFlags = kMovableKeys | kScript;
constexpr uint32_t kCategories = kCatSet | kCatSortedSet | kCatList | kCatSlow | kCatDangerous;
constexpr KeySpecification kSorted = key_at(1, kKeyRO | kKeyAccess);
constexpr KeySpecification kWeighed = key_behind("BY", 0, kKeyRO | kKeyAccess);
constexpr Documentation kDocs = {.complexity = "O(N+M*log(M))", .work = Work::kHoldsLoop};
constexpr std::string_view kSortDifference =
    "In a cluster BY and GET take patterns of the key's slot, as in Redis 8. A set that is not sorted is "
    "given in the "
    "order of its members. In MULTI and scripts the keys that patterns name must be in memory.";

}  // namespace

std::span<const CommandSpec> sorting_commands() {
  static const std::array commands = {
      CommandSpec{
          .name = "sort",
          .syntax = "key [BY pattern] [LIMIT {offset_count= offset:integer count:integer}] [GET pattern] ... "
                    "[order= ASC | DESC] [sorting= ALPHA] [STORE destination:key]",
          .arity = -2,
          .flags = kWrite | kDenyOom | kFlags,
          .categories = kCatWrite | kCategories,
          .keys = {kSorted, kWeighed, key_behind("STORE", 0, kKeyOW | kKeyUpdate)},
          .handler = sorting::sort,
          .group = "generic",
          .since = "1.0.0",
          .summary = "Sorts a list, set or sorted set.",
          .find_keys = sorting::find_sort_keys,
          .difference = kSortDifference,
          .docs = kDocs},
      CommandSpec{
          .name = "sort_ro",
          .syntax = "key [BY pattern] [LIMIT {offset_count= offset:integer count:integer}] [GET pattern] ... "
                    "[order= ASC | DESC] [sorting= ALPHA]",
          .arity = -2,
          .flags = kReadOnly | kFlags,
          .categories = kCatRead | kCategories,
          .keys = {kSorted, kWeighed},
          .handler = sorting::sort_ro,
          .group = "generic",
          .since = "7.0.0",
          .summary = "Sorts a list, set or sorted set, and only replies with it.",
          .difference = kSortDifference,
          .docs = kDocs},
  };
  return commands;
}

}  // namespace starling::server
