#include "server/commands/sorted_sets/bounds.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "resp/number.h"
#include "server/commands/arguments.h"

namespace starling::server::sorted_sets {
namespace {

// What a C string of the bytes would say.
bool parse_loosely(std::string_view text, double* value) {
  if (resp::parse_real(text, value)) [[likely]]
    return true;
  const std::string copy(text.substr(0, text.find('\0')));
  char* end = nullptr;
  *value = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(*value);
}

RankRange between(uint64_t first, uint64_t end) {
  return {first, end > first ? end - first : 0};
}

RankRange between_ranks(int64_t start, int64_t stop, int64_t size) {
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  if (stop < 0) stop += size;
  stop = std::min(stop, size - 1);
  if (start > stop) return {};
  return between(static_cast<uint64_t>(start), static_cast<uint64_t>(stop) + 1);
}

// How many come before the bound; `upper`: those that it includes count too.
uint64_t count_up_to(const engine::SortedSetView& members, const ScoreBound& bound, bool upper) {
  return members.count_below(bound.score, upper != bound.excluded);
}

uint64_t count_up_to(const engine::SortedSetView& members, const MemberBound& bound, bool upper) {
  switch (bound.kind) {
    case MemberBound::Kind::kBeforeAll:
      return 0;
    case MemberBound::Kind::kBehindAll:
      return members.size();
    case MemberBound::Kind::kIncluded:
    case MemberBound::Kind::kExcluded:
      break;
  }
  return members.count_before(bound.member, upper != (bound.kind == MemberBound::Kind::kExcluded));
}

}  // namespace

bool parse_score_bound(std::string_view text, ScoreBound* bound) {
  bound->excluded = text.starts_with('(');
  if (bound->excluded) text.remove_prefix(1);
  return parse_loosely(text, &bound->score);
}

bool parse_member_bound(std::string_view text, MemberBound* bound) {
  if (text.empty()) return false;
  bound->member = text.substr(1);
  const bool alone = bound->member.empty() || bound->member[0] == '\0';
  switch (text[0]) {
    case '-':
      bound->kind = MemberBound::Kind::kBeforeAll;
      return alone;
    case '+':
      bound->kind = MemberBound::Kind::kBehindAll;
      return alone;
    case '[':
      bound->kind = MemberBound::Kind::kIncluded;
      return true;
    case '(':
      bound->kind = MemberBound::Kind::kExcluded;
      return true;
    default:
      return false;
  }
}

RankRange Bounds::in(const engine::SortedSetView& members) const {
  switch (by) {
    case By::kRank:
      return between_ranks(start, stop, static_cast<int64_t>(members.size()));
    case By::kScore:
      return between(count_up_to(members, min_score, false), count_up_to(members, max_score, true));
    case By::kMember:
      break;
  }
  return between(count_up_to(members, min_member, false), count_up_to(members, max_member, true));
}

bool bounds_arguments(const CommandContext& context, By by, size_t lower_at, size_t upper_at,
                      Bounds* bounds) {
  bounds->by = by;
  const std::string_view lower = context.argument(lower_at), upper = context.argument(upper_at);
  switch (by) {
    case By::kRank:
      return integer_argument(context, lower_at, &bounds->start) &&
             integer_argument(context, upper_at, &bounds->stop);
    case By::kScore:
      if (parse_score_bound(lower, &bounds->min_score) && parse_score_bound(upper, &bounds->max_score)) {
        return true;
      }
      context.reply.error("ERR min or max is not a float");
      return false;
    case By::kMember:
      break;
  }
  if (parse_member_bound(lower, &bounds->min_member) && parse_member_bound(upper, &bounds->max_member)) {
    return true;
  }
  context.reply.error("ERR min or max not valid string range item");
  return false;
}

RankRange limited(RankRange range, int64_t offset, int64_t limit, bool reverse) {
  if (offset < 0 || static_cast<uint64_t>(offset) >= range.count) return {};
  const auto passed = static_cast<uint64_t>(offset);
  uint64_t count = range.count - passed;
  if (limit >= 0) count = std::min(count, static_cast<uint64_t>(limit));
  return {reverse ? range.first + range.count - passed - count : range.first + passed, count};
}

}  // namespace starling::server::sorted_sets
