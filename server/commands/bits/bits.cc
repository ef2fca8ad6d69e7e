// Strings as arrays of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.
#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/bits/bit_string.h"
#include "server/commands/bits/handlers.h"
#include "server/commands/strings/string_values.h"

namespace starling::server::bits {

void setbit(CommandContext& context) {
  constexpr std::string_view kNotBitError = "ERR bit is not an integer or out of range";
  uint64_t bit = 0;
  int64_t value = 0;
  if (!bit_offset_argument(context, 2, 0, &bit)) return;
  if (!integer_argument_between(context, 3, 0, 1, &value, kNotBitError)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kString, &found)) return;
  const std::string_view bytes = found ? found.string() : std::string_view();
  const bool grows = bit / 8 >= bytes.size();
  const bool old = !grows && test_bit(bytes, bit);
  if (grows || old != (value == 1)) {
    context.database.edit_string(key, std::max<size_t>(bytes.size(), bit / 8 + 1),
                                 [&](std::span<char> edited) { write_bit(edited, bit, value == 1); });
    notify_change(context, kNotifyString, "setbit", key.name, !found);
  }
  context.reply.integer(old ? 1 : 0);
}

void getbit(CommandContext& context) {
  uint64_t bit = 0;
  if (!bit_offset_argument(context, 2, 0, &bit)) return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), engine::Type::kString, &found)) return;
  const bool set = found && bit / 8 < found.string().size() && test_bit(found.string(), bit);
  context.reply.integer(set ? 1 : 0);
}

namespace {

// A range as the client gave it, in bytes or bits, both ends included; negative: from the end.
struct Range {
  int64_t first = 0;
  int64_t last = -1;
  bool in_bits = false;
};

// The unit of a range. False: an error was replied.
bool unit_argument(CommandContext& context, size_t i, bool* in_bits) {
  *in_bits = is_word(context.argument(i), "bit");
  if (*in_bits || is_word(context.argument(i), "byte")) return true;
  context.reply.error(kSyntaxError);
  return false;
}

// The range's first and last bit in a string of `bytes` bytes. False: it is empty.
bool resolve(const Range& range, size_t bytes, uint64_t* first, uint64_t* last) {
  const auto size = static_cast<int64_t>(range.in_bits ? bytes * 8 : bytes);
  int64_t from = range.first < 0 ? std::max<int64_t>(size + range.first, 0) : range.first;
  int64_t to = range.last < 0 ? std::max<int64_t>(size + range.last, 0) : range.last;
  to = std::min(to, size - 1);
  if (from > to) return false;
  *first = static_cast<uint64_t>(range.in_bits ? from : from * 8);
  *last = static_cast<uint64_t>(range.in_bits ? to : to * 8 + 7);
  return true;
}

}  // namespace

void bitcount(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), engine::Type::kString, &found)) return;
  if (!found) return context.reply.integer(0);
  Range range;
  if (context.size() == 4 || context.size() == 5) {
    if (!integer_argument(context, 2, &range.first) || !integer_argument(context, 3, &range.last)) return;
    // Counted from the end, a range that runs backwards is empty before its bounds are clipped to the string.
    if (range.first < 0 && range.last < 0 && range.first > range.last) return context.reply.integer(0);
    if (context.size() == 5 && !unit_argument(context, 4, &range.in_bits)) return;
  } else if (context.size() != 2) {
    return context.reply.error(kSyntaxError);
  }
  uint64_t first = 0, last = 0;
  if (!resolve(range, found.string().size(), &first, &last)) return context.reply.integer(0);
  context.reply.integer(static_cast<int64_t>(count_bits(found.string(), first, last)));
}

void bitpos(CommandContext& context) {
  int64_t value = 0;
  if (!integer_argument(context, 2, &value)) return;
  if (value != 0 && value != 1) return context.reply.error("ERR The bit argument must be 1 or 0.");
  engine::Found found;
  if (!find_to_read(context, context.key(1), engine::Type::kString, &found)) return;
  if (!found) return context.reply.integer(value == 1 ? -1 : 0);
  if (context.size() > 6) return context.reply.error(kSyntaxError);
  Range range;
  if (context.size() > 3 && !integer_argument(context, 3, &range.first)) return;
  if (context.size() == 6 && !unit_argument(context, 5, &range.in_bits)) return;
  if (context.size() > 4 && !integer_argument(context, 4, &range.last)) return;

  uint64_t first = 0, last = 0;
  if (!resolve(range, found.string().size(), &first, &last)) return context.reply.integer(-1);
  int64_t position = find_bit(found.string(), value == 1, first, last);
  // Without an end, the string counts as followed by zeros.
  if (position < 0 && value == 0 && context.size() < 5) position = static_cast<int64_t>(last) + 1;
  context.reply.integer(position);
}

namespace {

// False: an error was replied.
bool operation_argument(CommandContext& context, BitOperation* operation) {
  const std::string_view word = context.argument(1);
  if (is_word(word, "and")) {
    *operation = BitOperation::kAnd;
  } else if (is_word(word, "or")) {
    *operation = BitOperation::kOr;
  } else if (is_word(word, "xor")) {
    *operation = BitOperation::kXor;
  } else if (is_word(word, "not")) {
    *operation = BitOperation::kNot;
  } else {
    context.reply.error(kSyntaxError);
    return false;
  }
  if (*operation != BitOperation::kNot || context.size() == 4) return true;
  context.reply.error("ERR BITOP NOT must be called with a single source key.");
  return false;
}

}  // namespace

void bitop(CommandContext& context) {
  BitOperation operation = BitOperation::kAnd;
  if (!operation_argument(context, &operation)) return;
  std::vector<std::string_view> sources;
  sources.reserve(context.size() - 3);
  size_t size = 0;
  for (size_t i = 3; i < context.size(); ++i) {
    engine::Found found;
    if (!find_to_read(context, context.key(i), engine::Type::kString, &found)) return;
    sources.push_back(found ? found.string() : std::string_view());
    size = std::max(size, sources.back().size());
  }
  const engine::Key target = context.key(2);
  if (size == 0) {
    if (context.database.remove(target)) context.notify(kNotifyGeneric, "del", target.name);
    return context.reply.integer(0);
  }
  std::unique_ptr<char[]> result(new char[size]);
  combine_bits(operation, sources, {result.get(), size});
  const bool created = would_announce(context, target);
  context.database.put_string(target, std::move(result), size, engine::kNoDeadline);
  notify_change(context, kNotifyString, "set", target.name, created);
  context.reply.integer(static_cast<int64_t>(size));
}

}  // namespace starling::server::bits
