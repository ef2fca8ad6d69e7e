#include "server/commands/streams/trim.h"

#include <algorithm>

#include "server/commands/arguments.h"
#include "server/commands/streams/ids.h"

namespace starling::server::streams {
namespace {

// The most that is removed at once where no LIMIT says it.
constexpr int64_t kUsualLimit = 100 * kNodeEntries;

bool wrong(const CommandContext& context, std::string_view error) {
  context.reply.error(error);
  return false;
}

// MAXLEN or MINID at *at, which is then its value. False: an error was replied.
bool strategy(const CommandContext& context, TrimBy by, size_t* at, TrimOptions* options) {
  if (options->by != TrimBy::kNothing)
    return wrong(context, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  const std::string_view next = context.argument(*at + 1);
  options->about = false;
  if (*at + 2 < context.size() && (next == "~" || next == "=")) {
    options->about = next == "~";
    ++*at;
  }
  ++*at;
  options->by = by;
  if (by == TrimBy::kId) return id_argument(context, *at, &options->least);
  if (!integer_argument(context, *at, &options->most)) return false;
  return options->most >= 0 || wrong(context, "ERR The MAXLEN argument must be >= 0.");
}

bool limits_fit(const CommandContext& context, bool adds, bool limit_given, TrimOptions* options) {
  if (options->limit != 0 && options->by == TrimBy::kNothing)
    return wrong(context, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  if (!adds && options->by == TrimBy::kNothing)
    return wrong(context, "ERR syntax error, XTRIM must be called with a trimming strategy");
  if (limit_given && !options->about)
    return wrong(context, "ERR syntax error, LIMIT cannot be used without the special ~ option");
  if (!limit_given && options->about) options->limit = kUsualLimit;
  return true;
}

}  // namespace

size_t trim_options(const CommandContext& context, bool adds, AddOptions* options) {
  TrimOptions& trim = options->trim;
  bool limit_given = false;
  size_t i = 2;
  for (; i < context.size(); ++i) {
    const std::string_view word = context.argument(i);
    const bool more = i + 1 < context.size();
    if (adds && word == "*") break;
    if (more && is_word(word, "maxlen")) {
      if (!strategy(context, TrimBy::kLength, &i, &trim)) return 0;
    } else if (more && is_word(word, "minid")) {
      if (!strategy(context, TrimBy::kId, &i, &trim)) return 0;
    } else if (more && is_word(word, "limit")) {
      if (!integer_argument(context, ++i, &trim.limit)) return 0;
      if (trim.limit < 0) return wrong(context, "ERR The LIMIT argument must be >= 0."), 0;
      limit_given = true;
    } else if (adds && is_word(word, "nomkstream")) {
      options->only_present = true;
    } else if (adds) {
      const std::optional<engine::StreamId> id = parse_new_id(word, &options->sequence_given);
      if (!id.has_value()) return reply_invalid_id(context), 0;
      options->id = *id;
      options->id_given = true;
      break;
    } else {
      context.reply.error(kSyntaxError);
      return 0;
    }
  }
  return limits_fit(context, adds, limit_given, &trim) ? i : 0;
}

namespace {

// Whole nodes only, as if the entries lay in such of so many, the first of which has lost what was removed from it.
uint64_t whole_nodes(uint64_t size, uint64_t excess, uint64_t removed, uint64_t limit) {
  uint64_t trimmed = 0;
  uint64_t node = std::min(kNodeEntries - removed % kNodeEntries, size);
  while (node != 0 && trimmed + node <= excess && (limit == 0 || trimmed + node <= limit)) {
    trimmed += node;
    node = std::min(kNodeEntries, size - trimmed);
  }
  return trimmed;
}

}  // namespace

uint64_t to_be_trimmed(const engine::StreamView& stream, const TrimOptions& options) {
  const uint64_t size = stream.size();
  uint64_t excess = 0;
  if (options.by == TrimBy::kLength && size > static_cast<uint64_t>(options.most))
    excess = size - static_cast<uint64_t>(options.most);
  if (options.by == TrimBy::kId) excess = std::min(size, stream.count_below(options.least));
  if (!options.about || excess == 0) return excess;
  return whole_nodes(size, excess, static_cast<uint64_t>(stream.totals().removed),
                     static_cast<uint64_t>(options.limit));
}

}  // namespace starling::server::streams
