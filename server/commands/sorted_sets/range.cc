// ZRANGE and what it replaces, and ZRANGESTORE.
#include <optional>

#include "server/commands/arguments.h"
#include "server/commands/sorted_sets/bounds.h"
#include "server/commands/sorted_sets/handlers.h"
#include "server/commands/sorted_sets/member_reply.h"
#include "server/commands/sorted_sets/store.h"

namespace starling::server::sorted_sets {
namespace {

using engine::ScoredMember;
using engine::SortedSetView;
using engine::Type;

// What the command's name says of the range. Nothing: its options say it.
struct RangeForm {
  size_t key_at = 1;  // The bounds and the options follow.
  std::optional<By> by = {};
  std::optional<bool> reverse = {};
  bool stores = false;
};

struct RangeRequest {
  Bounds bounds;
  bool reverse = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;  // Negative: none.
};

// False: an error was replied.
bool range_options(const CommandContext& context, RangeForm form, By* by, RangeRequest* request) {
  for (size_t i = form.key_at + 3; i < context.size(); ++i) {
    const std::string_view word = context.argument(i);
    if (!form.stores && is_word(word, "withscores")) {
      request->with_scores = true;
    } else if (is_word(word, "limit") && i + 2 < context.size()) {
      if (!integer_argument(context, i + 1, &request->offset)) return false;
      if (!integer_argument(context, i + 2, &request->limit)) return false;
      i += 2;
    } else if (!form.reverse.has_value() && is_word(word, "rev")) {
      form.reverse = true;
    } else if (!form.by.has_value() && is_word(word, "bylex")) {
      form.by = By::kMember;
    } else if (!form.by.has_value() && is_word(word, "byscore")) {
      form.by = By::kScore;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  *by = form.by.value_or(By::kRank);
  request->reverse = form.reverse.value_or(false);
  return true;
}

// False: an error was replied.
bool range_request(const CommandContext& context, const RangeForm& form, RangeRequest* request) {
  By by = By::kRank;
  if (!range_options(context, form, &by, request)) return false;
  if (request->limit != -1 && by == By::kRank) {
    context.reply.error(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  if (request->with_scores && by == By::kMember) {
    context.reply.error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  // Backwards the upper bound comes first; ranks are counted from the end then, and stand as they are.
  const bool upper_first = request->reverse && by != By::kRank;
  const size_t lower_at = form.key_at + (upper_first ? 2 : 1), upper_at = form.key_at + (upper_first ? 1 : 2);
  return bounds_arguments(context, by, lower_at, upper_at, &request->bounds);
}

// In ascending order of ranks.
RankRange chosen(const RangeRequest& request, const SortedSetView& members) {
  RankRange range = request.bounds.in(members);
  if (request.bounds.by != By::kRank) return limited(range, request.offset, request.limit, request.reverse);
  if (request.reverse) range.first = members.size() - range.first - range.count;
  return range;
}

void walk(const SortedSetView& members, const RankRange& range, bool reverse, SortedSetView::Visit visit) {
  if (range.count == 0) return;
  if (!reverse) return members.walk(range.first, range.count, visit);
  members.walk_back(range.first + range.count - 1, range.count, visit);
}

void reply_range(CommandContext& context, const RangeForm& form) {
  RangeRequest request;
  engine::Found found;
  if (!range_request(context, form, &request)) return;
  if (!find_to_read(context, context.key(form.key_at), Type::kSortedSet, &found)) return;
  if (!found) return context.reply.array(0);
  const SortedSetView members(found.collection());
  const RankRange range = chosen(request, members);
  begin_members(context.reply, range.count, request.with_scores);
  walk(members, range, request.reverse, [&](const ScoredMember& member) {
    reply_member(context.reply, member, request.with_scores);
    return true;
  });
}

}  // namespace

void zrange(CommandContext& context) {
  reply_range(context, {});
}

void zrangebylex(CommandContext& context) {
  reply_range(context, {.by = By::kMember, .reverse = false});
}

void zrangebyscore(CommandContext& context) {
  reply_range(context, {.by = By::kScore, .reverse = false});
}

void zrevrange(CommandContext& context) {
  reply_range(context, {.by = By::kRank, .reverse = true});
}

void zrevrangebylex(CommandContext& context) {
  reply_range(context, {.by = By::kMember, .reverse = true});
}

void zrevrangebyscore(CommandContext& context) {
  reply_range(context, {.by = By::kScore, .reverse = true});
}

void zrangestore(CommandContext& context) {
  RangeRequest request;
  engine::Found found;
  if (!range_request(context, {.key_at = 2, .stores = true}, &request)) return;
  if (!find_to_read(context, context.key(2), Type::kSortedSet, &found)) return;
  if (!found) return store_members(context, 1, engine::SortedSetMaker(0), "zrangestore");
  const SortedSetView members(found.collection());
  const RankRange range = chosen(request, members);
  engine::SortedSetMaker maker(range.count);
  walk(members, range, false, [&](const ScoredMember& member) {
    maker.put(member.member, member.score);
    return true;
  });
  store_members(context, 1, std::move(maker), "zrangestore");
}

}  // namespace starling::server::sorted_sets
