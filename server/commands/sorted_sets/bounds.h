// The ranges of a sorted set that commands name: by rank, by score, by member.
//
//   rank   = integer                              negative: from the end, -1 is the last one
//   score  = [ "(" ] real                         "(": without it. As strtod() reads it, up to a NUL: space may come
//                                                 first, nothing is 0, overflow is infinity; never NaN
//   member = "-" | "+" | ( "[" | "(" ) *byte      before all, behind all; with it, without it
//
// By member means something where all scores are the same; else some range comes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/execute/command.h"

namespace starling::server::sorted_sets {

struct RankRange {
  uint64_t first = 0;
  uint64_t count = 0;
};

struct ScoreBound {
  double score = 0;
  bool excluded = false;
};

struct MemberBound {
  enum class Kind : uint8_t { kBeforeAll, kBehindAll, kIncluded, kExcluded };
  Kind kind = Kind::kBeforeAll;
  std::string_view member = {};  // Of the last two kinds.
};

[[nodiscard]] bool parse_score_bound(std::string_view text, ScoreBound* bound);
[[nodiscard]] bool parse_member_bound(std::string_view text, MemberBound* bound);

enum class By : uint8_t { kRank, kScore, kMember };

struct Bounds {
  By by = By::kRank;
  int64_t start = 0, stop = 0;
  ScoreBound min_score = {}, max_score = {};
  MemberBound min_member = {}, max_member = {};

  RankRange in(const engine::SortedSetView& members) const;
};

// The lower and the upper bound from two arguments. False: an error was replied.
[[nodiscard]] bool bounds_arguments(const CommandContext& context, By by, size_t lower_at, size_t upper_at,
                                    Bounds* bounds);

// Of the range, counted from its first member (`reverse`: from its last), what is left when `offset` were passed over,
// at most `limit` (negative: all). A negative offset leaves nothing.
RankRange limited(RankRange range, int64_t offset, int64_t limit, bool reverse);

}  // namespace starling::server::sorted_sets
