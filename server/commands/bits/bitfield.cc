// BITFIELD and BITFIELD_RO.
//
//   arguments = key *( "GET" type offset | "SET" type offset value | "INCRBY" type offset increment |
//                      "OVERFLOW" ( "WRAP" | "SAT" | "FAIL" ) )
//   offset    = bit | "#" index-of-the-field
#include <algorithm>
#include <span>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/bits/bitfield_operation.h"
#include "server/commands/bits/handlers.h"
#include "server/commands/strings/string_values.h"

namespace starling::server::bits {
namespace {

using Kind = BitfieldOperation::Kind;
using Operations = std::vector<BitfieldOperation>;

constexpr std::string_view kTypeError =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

bool overflow_argument(CommandContext& context, size_t i, BitfieldOverflow* overflow) {
  const std::string_view word = context.argument(i);
  if (is_word(word, "wrap")) {
    *overflow = BitfieldOverflow::kWrap;
  } else if (is_word(word, "sat")) {
    *overflow = BitfieldOverflow::kSaturate;
  } else if (is_word(word, "fail")) {
    *overflow = BitfieldOverflow::kFail;
  } else {
    context.reply.error("ERR Invalid OVERFLOW type specified");
    return false;
  }
  return true;
}

// The type, offset and operand that begin at argument i.
bool operation_arguments(CommandContext& context, size_t i, BitfieldOperation* operation) {
  if (!parse_bitfield_type(context.argument(i), &operation->type)) {
    context.reply.error(kTypeError);
    return false;
  }
  if (!bit_offset_argument(context, i + 1, operation->type.bits, &operation->offset)) return false;
  return operation->kind == Kind::kGet || integer_argument(context, i + 2, &operation->operand);
}

// False: an error was replied.
bool parse_operations(CommandContext& context, Operations* operations) {
  BitfieldOverflow overflow = BitfieldOverflow::kWrap;
  for (size_t i = 2; i < context.size();) {
    const std::string_view word = context.argument(i);
    const size_t remaining = context.size() - i - 1;
    BitfieldOperation operation;
    operation.overflow = overflow;
    if (is_word(word, "get") && remaining >= 2) {
      operation.kind = Kind::kGet;
    } else if (is_word(word, "set") && remaining >= 3) {
      operation.kind = Kind::kSet;
    } else if (is_word(word, "incrby") && remaining >= 3) {
      operation.kind = Kind::kIncrement;
    } else if (is_word(word, "overflow") && remaining >= 1) {
      if (!overflow_argument(context, i + 1, &overflow)) return false;
      i += 2;
      continue;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
    if (!operation_arguments(context, i + 1, &operation)) return false;
    operations->push_back(operation);
    i += operation.kind == Kind::kGet ? 3 : 4;
  }
  return true;
}

void reply_outcome(CommandContext& context, const BitfieldOutcome& outcome) {
  if (outcome.failed) {
    context.reply.null();
  } else {
    context.reply.integer(outcome.reply);
  }
}

void reply_unchanged(CommandContext& context, const Operations& operations, std::string_view bytes) {
  context.reply.array(operations.size());
  for (const BitfieldOperation& operation : operations) reply_outcome(context, evaluate(operation, bytes));
}

void read_fields(CommandContext& context, const Operations& operations) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), engine::Type::kString, &found)) return;
  reply_unchanged(context, operations, found ? found.string() : std::string_view());
}

// Does all operations on `bytes`, replying to each. True when one of them wrote something new; when the
// string was made or lengthened for them, any write counts.
bool perform(CommandContext& context, const Operations& operations, std::span<char> bytes, bool grown) {
  bool changed = false;
  context.reply.array(operations.size());
  for (const BitfieldOperation& operation : operations) {
    const BitfieldOutcome outcome = evaluate(operation, {bytes.data(), bytes.size()});
    reply_outcome(context, outcome);
    if (operation.kind == Kind::kGet || outcome.failed) continue;
    changed |= grown || outcome.changes;
    write_bits(bytes, operation.offset, operation.type.bits, outcome.raw);
  }
  return changed;
}

void change_fields(CommandContext& context, const Operations& operations, uint64_t last_bit) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  const std::string_view bytes = found ? found.string() : std::string_view();
  const size_t size = std::max<size_t>(bytes.size(), last_bit / 8 + 1);
  const bool grows = size > bytes.size();
  // Until the first change all operations see the string as it is. If none would change it, nothing is
  // written.
  const auto changes = [&](const BitfieldOperation& operation) { return evaluate(operation, bytes).changes; };
  if (!grows && std::none_of(operations.begin(), operations.end(), changes)) {
    return reply_unchanged(context, operations, bytes);
  }
  bool changed = false;
  context.database.edit_string(
      key, size, [&](std::span<char> edited) { changed = perform(context, operations, edited, grows); });
  if (!found) context.notify(kNotifyNew, "new", key.name);
  if (changed) context.notify(kNotifyString, "setbit", key.name);
}

void run_bitfield(CommandContext& context, bool read_only) {
  Operations operations;
  if (!parse_operations(context, &operations)) return;
  uint64_t last_bit = 0;
  bool writes = false;
  for (const BitfieldOperation& operation : operations) {
    if (operation.kind == Kind::kGet) continue;
    writes = true;
    last_bit = std::max(last_bit, operation.last_bit());
  }
  if (!writes) return read_fields(context, operations);
  if (read_only) return context.reply.error("ERR BITFIELD_RO only supports the GET subcommand");
  change_fields(context, operations, last_bit);
}

}  // namespace

void bitfield(CommandContext& context) {
  run_bitfield(context, false);
}
void bitfield_ro(CommandContext& context) {
  run_bitfield(context, true);
}

uint16_t exact_bitfield_use(Arguments arguments) {
  return has_word(arguments, 2, {"set", "incrby"}) ? kKeyRW | kKeyAccess | kKeyUpdate : kKeyRO | kKeyAccess;
}

}  // namespace starling::server::bits
