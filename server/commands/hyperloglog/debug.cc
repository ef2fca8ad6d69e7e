// PFDEBUG and PFSELFTEST, which test suites of Redis's ask.
#include <cstdlib>
#include <string>

#include "engine/record/hyperloglog.h"
#include "server/commands/arguments.h"
#include "server/commands/hyperloglog/estimate.h"
#include "server/commands/hyperloglog/handlers.h"

namespace starling::server::hyperloglog {
namespace {

// True when the value was sparse. Precondition: its runs make sense.
bool make_dense_in(CommandContext& context, const engine::Key& key, std::string value) {
  if (engine::is_dense(value)) return false;
  if (engine::make_dense(&value)) context.database.put_string(key, value, engine::kKeepDeadline);
  return true;
}

void reply_registers(CommandContext& context, const engine::Registers& registers) {
  context.reply.array(registers.size());
  for (const uint8_t value : registers) context.reply.integer(value);
}

// The runs as words: z:… and Z:… are zeros, v:value,… what is not.
void reply_runs(CommandContext& context, std::string_view value) {
  std::string words;
  size_t at = engine::kHyperLogLogHeaderBytes;
  while (const auto run = engine::run_at(value, at)) {
    if (!words.empty()) words += ' ';
    if (run->value != 0) {
      words += "v:" + std::to_string(run->value) + ",";
    } else {
      words += run->bytes == 2 ? "Z:" : "z:";
    }
    words += std::to_string(run->count);
    at += run->bytes;
  }
  context.reply.bulk(words);
}

}  // namespace

void debug(CommandContext& context) {
  const std::string_view word = context.argument(1);
  const engine::Key key = context.key(2);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  if (!found) return context.reply.error("ERR The specified key does not exist");
  if (!check_value(context, found)) return;
  const bool getreg = is_word(word, "getreg"), todense = is_word(word, "todense");
  const bool decode = is_word(word, "decode"), encoding = is_word(word, "encoding");
  if (!getreg && !todense && !decode && !encoding)
    return context.reply.error("ERR Unknown PFDEBUG subcommand '" + std::string(word) + "'");
  const bool dense = engine::is_dense(found.string());
  if (encoding) return context.reply.simple_string(dense ? "dense" : "sparse");
  if (decode && dense) return context.reply.error("ERR HLL encoding is not sparse");
  if (decode) return reply_runs(context, found.string());
  engine::Registers registers{};
  if (!engine::raise_all(found.string(), &registers)) return context.reply.error(kDamagedError);
  const bool made_dense = make_dense_in(context, key, std::string(found.string()));
  if (todense) return context.reply.integer(made_dense ? 1 : 0);
  reply_registers(context, registers);
}

// Sparse and dense values have the same registers, and the estimate is near the truth, for up to 100,000 elements.
void self_test(CommandContext& context) {
  constexpr int64_t kElements = 100'000;
  // Five standard errors of 1.04 / sqrt(16384).
  constexpr int64_t kErrorsIn = 24;
  std::string sparse = engine::empty_hyperloglog(), dense = sparse;
  bool good = engine::make_dense(&dense);
  for (int64_t added = 1; added <= kElements && good; ++added) {
    const Observation seen = observe(std::to_string(added));
    good = engine::raise(seen.index, seen.height, &sparse) == engine::raise(seen.index, seen.height, &dense);
    if (added % (kElements / 20) != 0) continue;
    engine::Registers of_sparse{}, of_dense{};
    good = good && engine::raise_all(sparse, &of_sparse) && engine::raise_all(dense, &of_dense);
    const int64_t error = std::abs(static_cast<int64_t>(estimate(of_dense)) - added);
    good = good && of_sparse == of_dense && error * kErrorsIn <= added;
  }
  if (!good) return context.reply.error("TESTFAILED registers or estimates are wrong");
  context.reply.ok();
}

}  // namespace starling::server::hyperloglog
