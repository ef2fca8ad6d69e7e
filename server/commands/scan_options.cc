#include "server/commands/scan_options.h"

#include "resp/glob.h"
#include "server/commands/arguments.h"

namespace starling::server {

bool parse_scan_cursor(std::string_view text, uint64_t* cursor) {
  text = text.substr(0, text.find('\0'));
  const bool negative = text.starts_with('-');
  const bool has_sign = negative || text.starts_with('+');
  if (has_sign) text.remove_prefix(1);
  if (has_sign && text.empty()) return false;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
      return false;
    }
  }
  *cursor = negative ? 0 - value : value;
  return true;
}

bool ScanOptions::matches(std::string_view name) const {
  return !pattern || resp::glob_match(*pattern, name);
}

bool scan_options(const CommandContext& context, size_t first, ScanOf scan_of, ScanOptions* options) {
  for (size_t i = first; i < context.size(); i += 2) {
    const std::string_view option = context.argument(i);
    const bool has_value = i + 1 < context.size();
    if (has_value && is_word(option, "count")) {
      int64_t count = 0;
      if (!integer_argument(context, i + 1, &count)) return false;
      if (count < 1) {
        context.reply.error(kSyntaxError);
        return false;
      }
      options->count = static_cast<uint64_t>(count);
    } else if (has_value && is_word(option, "match")) {
      // "*" alone matches the empty name too, which no other pattern with a star does.
      if (!bounded_pattern(context, i + 1)) return false;
      options->pattern = context.argument(i + 1);
      if (options->pattern == "*") options->pattern.reset();
    } else if (has_value && scan_of == ScanOf::kKeys && is_word(option, "type")) {
      options->type = context.argument(i + 1);
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  return true;
}

}  // namespace starling::server
