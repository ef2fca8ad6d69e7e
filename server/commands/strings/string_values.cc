#include "server/commands/strings/string_values.h"

#include <memory>
#include <utility>

#include "resp/number.h"
#include "server/server.h"

namespace starling::server {
namespace {

// Shorter values are copied: that costs less than to count references.
constexpr size_t kShareFromBytes = 16 << 10;

}  // namespace

void reply_value(CommandContext& context, const engine::Found& found) {
  reply_value(context, found, found.string());
}

void reply_value(CommandContext& context, const engine::Found& found, std::string_view part) {
  if (part.size() >= kShareFromBytes) [[unlikely]] {
    if (auto keep_alive = found.keep_alive()) return context.reply.bulk_shared(std::move(keep_alive), part);
  }
  context.reply.bulk(part);
}

int64_t max_string_bytes(const CommandContext& context) {
  return context.server.settings().max_bulk_bytes.get();
}

bool check_string_size(const CommandContext& context, int64_t size, size_t added) {
  const int64_t limit = max_string_bytes(context);
  if (size <= limit && static_cast<int64_t>(added) <= limit - size) return true;
  context.reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  return false;
}

bool bit_offset_argument(const CommandContext& context, size_t i, int field_bits, uint64_t* offset) {
  std::string_view text = context.argument(i);
  const bool in_fields = field_bits > 0 && text.starts_with('#');
  if (in_fields) text.remove_prefix(1);
  int64_t bit = 0;
  if (!resp::parse_integer(text, &bit) ||
      (in_fields && __builtin_mul_overflow(bit, int64_t{field_bits}, &bit)) || bit < 0 ||
      bit / 8 >= max_string_bytes(context)) {
    context.reply.error("ERR bit offset is not an integer or out of range");
    return false;
  }
  *offset = static_cast<uint64_t>(bit);
  return true;
}

}  // namespace starling::server
