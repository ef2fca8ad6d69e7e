// What the commands on transactions are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/transactions/handlers.h"

namespace starling::server {
namespace {

constexpr uint32_t kControl = kNoScript | kLoading | kStale | kFast | kAllowBusy;
constexpr uint32_t kFastTransaction = kCatFast | kCatTransaction;

}  // namespace

std::span<const CommandSpec> transaction_commands() {
  static const std::array commands = {
      CommandSpec{.name = "discard",
                  .arity = 1,
                  .flags = kControl,
                  .categories = kFastTransaction,
                  .handler = transactions::discard,
                  .group = "transactions",
                  .since = "2.0.0",
                  .summary = "Forgets the commands queued since MULTI.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kEnds,
                  .docs = {.complexity = "O(N)", .work = Work::kOfFewThings}},
      CommandSpec{.name = "exec",
                  .arity = 1,
                  .flags = kNoScript | kLoading | kStale | kSkipSlowlog,
                  .categories = kCatSlow | kCatTransaction,
                  .handler = transactions::exec,
                  .group = "transactions",
                  .since = "1.2.0",
                  .summary = "Executes the commands queued since MULTI, atomically.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kExecutes,
                  .docs = {.work = Work::kHoldsLoop}},
      CommandSpec{.name = "multi",
                  .arity = 1,
                  .flags = kControl,
                  .categories = kFastTransaction,
                  .handler = transactions::multi,
                  .group = "transactions",
                  .since = "1.2.0",
                  .summary = "Begins a transaction: the commands that follow are queued.",
                  .scope = Scope::kSession,
                  .in_multi = InMulti::kAnswered,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "unwatch",
                  .arity = 1,
                  .flags = kControl,
                  .categories = kFastTransaction,
                  .handler = transactions::unwatch,
                  .group = "transactions",
                  .since = "2.2.0",
                  .summary = "Forgets all watched keys.",
                  .scope = Scope::kSession,
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "watch",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kControl | kWatchesKeys,
                  .categories = kFastTransaction,
                  .keys = keys_from(1, kKeyRO),
                  .handler = transactions::watch,
                  .group = "transactions",
                  .since = "2.2.0",
                  .summary = "Makes the next EXEC depend on these keys not having changed.",
                  .in_multi = InMulti::kAnswered,
                  .docs = {.complexity = "O(1)"}},
  };
  return commands;
}

}  // namespace starling::server
