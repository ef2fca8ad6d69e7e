// LCS.
#include <memory>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/strings/handlers.h"
#include "server/commands/strings/longest_common_subsequence.h"
#include "server/commands/strings/string_values.h"

namespace starling::server::strings {
namespace {

// More steps than this are made on another thread (about two milliseconds).
constexpr uint64_t kStepsOnLoop = uint64_t{1} << 20;

struct LcsOptions {
  bool size_only = false;           // LEN
  bool ranges = false;              // IDX
  bool range_sizes = false;         // WITHMATCHLEN
  int64_t minimum_range_bytes = 0;  // MINMATCHLEN
};

// False: an error was replied.
bool parse_options(CommandContext& context, LcsOptions* options) {
  for (size_t i = 3; i < context.size(); ++i) {
    const std::string_view word = context.argument(i);
    if (is_word(word, "idx")) {
      options->ranges = true;
    } else if (is_word(word, "len")) {
      options->size_only = true;
    } else if (is_word(word, "withmatchlen")) {
      options->range_sizes = true;
    } else if (is_word(word, "minmatchlen") && i + 1 < context.size()) {
      if (!integer_argument(context, ++i, &options->minimum_range_bytes)) return false;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  if (!options->ranges || !options->size_only) return true;
  context.reply.error("ERR If you want both the length and indexes, please just use IDX.");
  return false;
}

// Bounds the work by what Redis's table of sizes would take, although ours is smaller. False: an error was
// replied.
bool check_sizes(CommandContext& context, std::string_view a, std::string_view b) {
  constexpr size_t kMaxBytes = UINT32_MAX - 1;
  if (a.size() >= kMaxBytes || b.size() >= kMaxBytes) {
    context.reply.error("ERR String too long for LCS");
    return false;
  }
  const uint64_t cells = uint64_t{a.size() + 1} * (b.size() + 1);
  if (cells <= static_cast<uint64_t>(max_string_bytes(context)) / sizeof(uint32_t)) return true;
  context.reply.error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  return false;
}

void reply_ranges(resp::ReplyWriter& reply, const CommonSubsequence& common, const LcsOptions& options) {
  const auto shown = [&](const CommonRange& range) { return range.size() >= options.minimum_range_bytes; };
  size_t count = 0;
  for (const CommonRange& range : common.ranges) count += shown(range) ? 1 : 0;
  reply.map(2);
  reply.bulk("matches");
  reply.array(count);
  for (const CommonRange& range : common.ranges) {
    if (!shown(range)) continue;
    reply.array(options.range_sizes ? 3 : 2);
    reply.array(2);
    reply.integer(range.a_first);
    reply.integer(range.a_last);
    reply.array(2);
    reply.integer(range.b_first);
    reply.integer(range.b_last);
    if (options.range_sizes) reply.integer(range.size());
  }
  reply.bulk("len");
  reply.integer(common.size);
}

void reply_common(resp::ReplyWriter& reply, const CommonSubsequence& common, const LcsOptions& options) {
  if (options.ranges) return reply_ranges(reply, common, options);
  if (options.size_only) return reply.integer(common.size);
  reply.bulk(common.text);
}

}  // namespace

void lcs(CommandContext& context) {
  const engine::Found found_a = find_to_read(context, context.key(1));
  const engine::Found found_b = find_to_read(context, context.key(2));
  if ((found_a && found_a.type() != engine::Type::kString) ||
      (found_b && found_b.type() != engine::Type::kString)) {
    return context.reply.error("ERR The specified keys must contain string values");
  }
  LcsOptions options;
  if (!parse_options(context, &options)) return;
  const std::string_view a = found_a ? found_a.string() : std::string_view();
  const std::string_view b = found_b ? found_b.string() : std::string_view();
  if (!check_sizes(context, a, b)) return;
  if (uint64_t{a.size()} * b.size() <= kStepsOnLoop) {
    return reply_common(context.reply, longest_common_subsequence(a, b, options.size_only), options);
  }
  context.offload([a = std::string(a), b = std::string(b), options]() -> CommandContext::Completion {
    auto common = std::make_shared<CommonSubsequence>(longest_common_subsequence(a, b, options.size_only));
    return [common, options](resp::ReplyWriter& reply) { reply_common(reply, *common, options); };
  });
}

}  // namespace starling::server::strings
