// What the commands on sorted sets are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/random_elements.h"
#include "server/commands/sorted_sets/handlers.h"

namespace starling::server {
namespace {

constexpr std::string_view kGroup = "sorted-set";
constexpr uint32_t kFastRead = kCatRead | kCatSortedSet | kCatFast;
constexpr uint32_t kSlowRead = kCatRead | kCatSortedSet | kCatSlow;
constexpr uint32_t kFastWrite = kCatWrite | kCatSortedSet | kCatFast;
constexpr uint32_t kSlowWrite = kCatWrite | kCatSortedSet | kCatSlow;

constexpr int kReads = kKeyRO | kKeyAccess;
constexpr int kPops = kKeyRW | kKeyAccess | kKeyDelete;

constexpr std::string_view kRange = "O(log(N)+M)";
constexpr std::string_view kUnion = "O(N)+O(M log(M))";
constexpr std::string_view kUnionReplied = "O(N)+O(M*log(M))";
constexpr std::string_view kIntersection = "O(N*K)+O(M*log(M))";
constexpr std::string_view kDifference = "O(L + (N-K)log(N))";

constexpr CommandChange kZaddHistory[] = {
    {"2.4.0", "Several members."}, {"3.0.2", "XX, NX, CH and INCR."}, {"6.2.0", "GT and LT."}};
constexpr CommandChange kZrangeHistory[] = {{"6.2.0", "REV, BYSCORE, BYLEX and LIMIT."}};
constexpr CommandChange kZrangebyscoreHistory[] = {{"2.0.0", "WITHSCORES."}};
constexpr CommandChange kRealTimeout[] = {{"6.0.0", "Fractions of a second."}};
constexpr CommandChange kZremHistory[] = {{"2.4.0", "Several members."}};
constexpr CommandChange kZrevrangebyscoreHistory[] = {{"2.1.6", "Bounds that exclude."}};

// Of one key, in argument 1, read only.
constexpr CommandSpec reader(std::string_view usage, int arity, Handler handler, std::string_view since,
                             std::string_view summary, const Documentation& docs) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kReadOnly | kFast,
          .categories = kFastRead,
          .keys = key_at(1, kReads),
          .handler = handler,
          .group = kGroup,
          .since = since,
          .summary = summary,
          .docs = docs};
}

constexpr CommandSpec slow_reader(std::string_view usage, int arity, Handler handler, std::string_view since,
                                  std::string_view summary, const Documentation& docs) {
  CommandSpec spec = reader(usage, arity, handler, since, summary, docs);
  spec.flags = kReadOnly;
  spec.categories = kSlowRead;
  return spec;
}

constexpr CommandSpec range_reader(std::string_view usage, Handler handler, std::string_view since,
                                   std::string_view summary, std::string_view replaced_by,
                                   std::span<const CommandChange> history = {}) {
  return slow_reader(usage, -4, handler, since, summary,
                     {.complexity = kRange,
                      .work = Work::kHoldsLoop,
                      .history = history,
                      .deprecated = {.since = "6.2.0", .replaced_by = replaced_by}});
}

constexpr CommandSpec combiner(std::string_view usage, Handler handler, std::string_view since,
                               std::string_view summary, std::string_view complexity) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = -3,
          .flags = kReadOnly | kMovableKeys,
          .categories = kSlowRead,
          .keys = counted_keys(1, kReads),
          .handler = handler,
          .group = kGroup,
          .since = since,
          .summary = summary,
          .docs = {.complexity = complexity, .work = Work::kHoldsLoop}};
}

constexpr CommandSpec combining_writer(std::string_view usage, Handler handler, std::string_view since,
                                       std::string_view summary, std::string_view complexity) {
  CommandSpec spec = combiner(usage, handler, since, summary, complexity);
  spec.arity = -4;
  spec.flags = kWrite | kDenyOom | kMovableKeys;
  spec.categories = kSlowWrite;
  spec.keys = {key_at(1, kKeyOW | kKeyUpdate), counted_keys(2, kReads)};
  return spec;
}

constexpr CommandSpec range_remover(std::string_view usage, Handler handler, std::string_view since,
                                    std::string_view summary) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = 4,
          .flags = kWrite,
          .categories = kSlowWrite,
          .keys = key_at(1, kKeyRW | kKeyDelete),
          .handler = handler,
          .group = kGroup,
          .since = since,
          .summary = summary,
          .docs = {.complexity = kRange, .work = Work::kHoldsLoop}};
}

constexpr CommandSpec popper(std::string_view usage, Handler handler, std::string_view summary) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = -2,
          .flags = kWrite | kFast,
          .categories = kFastWrite,
          .keys = key_at(1, kPops),
          .handler = handler,
          .group = kGroup,
          .since = "5.0.0",
          .summary = summary,
          .docs = {.complexity = "O(log(N)*M)", .work = Work::kHoldsLoop}};
}

constexpr std::string_view kElsewhere =
    "In a cluster it takes keys of several slots only where one node holds them all.";

constexpr CommandSpec waiting_popper(std::string_view usage, Handler handler, std::string_view summary) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = -3,
          .flags = kWrite | kNoScript | kBlocking | kFast,
          .categories = kFastWrite | kCatBlocking,
          .keys = KeySpecification{.use = kPops, .first = 1, .last = -2},
          .handler = handler,
          .group = kGroup,
          .since = "5.0.0",
          .summary = summary,
          .difference = kElsewhere,
          .timeout_at = -1,
          .docs = {.complexity = "O(log(N))", .history = kRealTimeout}};
}

}  // namespace

std::span<const CommandSpec> sorted_set_commands() {
  static const std::array commands = {
      CommandSpec{.name = "bzmpop",
                  .syntax = "timeout:double numkeys:integer key ... (where= MIN | MAX) [COUNT count:integer]",
                  .arity = -5,
                  .flags = kWrite | kBlocking | kMovableKeys,
                  .categories = kSlowWrite | kCatBlocking,
                  .keys = counted_keys(2, kPops),
                  .handler = sorted_sets::bzmpop,
                  .group = kGroup,
                  .since = "7.0.0",
                  .summary = "Removes members at an end of the first sorted set that has any, once one has.",
                  .difference = kElsewhere,
                  .timeout_at = 1,
                  .docs = {.complexity = "O(K) + O(M*log(N))", .work = Work::kHoldsLoop}},
      waiting_popper("bzpopmax key ... timeout:double", sorted_sets::bzpopmax,
                     "Removes the member with the highest score, once there is one."),
      waiting_popper("bzpopmin key ... timeout:double", sorted_sets::bzpopmin,
                     "Removes the member with the lowest score, once there is one."),
      CommandSpec{.name = "zadd",
                  .syntax = "key [condition= NX | XX]@3.0.2 [comparison= GT | LT]@6.2.0 [change= CH]@3.0.2 "
                            "[increment= INCR]@3.0.2 {score_member= score:double member} ...",
                  .arity = -4,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyUpdate),
                  .handler = sorted_sets::zadd,
                  .group = kGroup,
                  .since = "1.2.0",
                  .summary = "Gives members of a sorted set their scores, adding those that are new.",
                  .docs = {.complexity = "O(log(N))", .work = Work::kHoldsLoop, .history = kZaddHistory}},
      [] {
        CommandSpec spec = reader("zcard key", 2, sorted_sets::zcard, "1.2.0",
                                  "How many members a sorted set has.", {.complexity = "O(1)"});
        spec.keys = key_at(1, kKeyRO);
        return spec;
      }(),
      reader("zcount key min:double max:double", 4, sorted_sets::zcount, "2.0.0",
             "How many members have scores within bounds.", {.complexity = "O(log(N))"}),
      combiner("zdiff numkeys:integer key ... [WITHSCORES]", sorted_sets::zdiff, "6.2.0",
               "The members of the first sorted set that none of the others has.", kDifference),
      combining_writer("zdiffstore destination:key numkeys:integer key ...", sorted_sets::zdiffstore, "6.2.0",
                       "Makes a sorted set of what ZDIFF answers.", kDifference),
      CommandSpec{.name = "zincrby",
                  .syntax = "key increment:integer member",
                  .arity = 4,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = sorted_sets::zincrby,
                  .group = kGroup,
                  .since = "1.2.0",
                  .summary = "Adds to the score of a member.",
                  .docs = {.complexity = "O(log(N))"}},
      combiner("zinter numkeys:integer key ... [WEIGHTS weight:integer ...] "
               "[AGGREGATE (aggregate= SUM | MIN | MAX)] "
               "[WITHSCORES]",
               sorted_sets::zinter, "6.2.0", "The members that all of the sorted sets have.", kIntersection),
      combiner("zintercard numkeys:integer key ... [LIMIT limit:integer]", sorted_sets::zintercard, "7.0.0",
               "How many members all of the sorted sets have.", "O(N*K)"),
      combining_writer("zinterstore destination:key numkeys:integer key ... [WEIGHTS weight:integer ...] "
                       "[AGGREGATE (aggregate= SUM | MIN | MAX)]",
                       sorted_sets::zinterstore, "2.0.0", "Makes a sorted set of what ZINTER answers.",
                       kIntersection),
      reader("zlexcount key min max", 4, sorted_sets::zlexcount, "2.8.9",
             "How many members are within bounds by their bytes.", {.complexity = "O(log(N))"}),
      CommandSpec{.name = "zmpop",
                  .syntax = "numkeys:integer key ... (where= MIN | MAX) [COUNT count:integer]",
                  .arity = -4,
                  .flags = kWrite | kMovableKeys,
                  .categories = kSlowWrite,
                  .keys = counted_keys(1, kPops),
                  .handler = sorted_sets::zmpop,
                  .group = kGroup,
                  .since = "7.0.0",
                  .summary = "Removes members at an end of the first sorted set that has any.",
                  .docs = {.complexity = "O(K) + O(M*log(N))", .work = Work::kHoldsLoop}},
      reader("zmscore key member ...", -3, sorted_sets::zmscore, "6.2.0", "The scores of several members.",
             {.complexity = "O(N)", .work = Work::kHoldsLoop}),
      popper("zpopmax key [count:integer]", sorted_sets::zpopmax,
             "Removes the members with the highest scores."),
      popper("zpopmin key [count:integer]", sorted_sets::zpopmin,
             "Removes the members with the lowest scores."),
      [] {
        CommandSpec spec = slow_reader(
            "zrandmember key [options= count:integer [WITHSCORES]]", -2, sorted_sets::zrandmember, "6.2.0",
            "Members chosen at random.",
            {.complexity = "O(N)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output"}});
        spec.difference = kRepetitionsDifference;
        return spec;
      }(),
      slow_reader("zrange key start stop [sortby= BYSCORE | BYLEX]@6.2.0 [REV]@6.2.0 "
                  "[LIMIT {offset_count= offset:integer count:integer}]@6.2.0 [WITHSCORES]",
                  -4, sorted_sets::zrange, "1.2.0", "The members of a range, by rank, score or bytes.",
                  {.complexity = kRange, .work = Work::kHoldsLoop, .history = kZrangeHistory}),
      range_reader("zrangebylex key min max [LIMIT {offset_count= offset:integer count:integer}]",
                   sorted_sets::zrangebylex, "2.8.9", "The members within bounds by their bytes.",
                   "ZRANGE with BYLEX"),
      range_reader("zrangebyscore key min:double max:double [WITHSCORES]@2.0.0 "
                   "[LIMIT {offset_count= offset:integer count:integer}]",
                   sorted_sets::zrangebyscore, "1.0.5", "The members with scores within bounds.",
                   "ZRANGE with BYSCORE", kZrangebyscoreHistory),
      CommandSpec{.name = "zrangestore",
                  .syntax = "dst:key src:key min max [sortby= BYSCORE | BYLEX] [REV] "
                            "[LIMIT {offset_count= offset:integer count:integer}]",
                  .arity = -5,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = {key_at(1, kKeyOW | kKeyUpdate), key_at(2, kReads)},
                  .handler = sorted_sets::zrangestore,
                  .group = kGroup,
                  .since = "6.2.0",
                  .summary = "Makes a sorted set of what ZRANGE answers.",
                  .docs = {.complexity = kRange, .work = Work::kHoldsLoop}},
      reader("zrank key member", 3, sorted_sets::zrank, "2.0.0",
             "How many members come before a member by their scores.", {.complexity = "O(log(N))"}),
      CommandSpec{.name = "zrem",
                  .syntax = "key member ...",
                  .arity = -3,
                  .flags = kWrite | kFast | kMerges,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyDelete),
                  .handler = sorted_sets::zrem,
                  .group = kGroup,
                  .since = "1.2.0",
                  .summary = "Removes members from a sorted set.",
                  .docs = {.complexity = "O(M*log(N))", .work = Work::kHoldsLoop, .history = kZremHistory}},
      range_remover("zremrangebylex key min max", sorted_sets::zremrangebylex, "2.8.9",
                    "Removes the members within bounds by their bytes."),
      range_remover("zremrangebyrank key start:integer stop:integer", sorted_sets::zremrangebyrank, "2.0.0",
                    "Removes the members of a range of ranks."),
      range_remover("zremrangebyscore key min:double max:double", sorted_sets::zremrangebyscore, "1.2.0",
                    "Removes the members with scores within bounds."),
      range_reader("zrevrange key start:integer stop:integer [WITHSCORES]", sorted_sets::zrevrange, "1.2.0",
                   "The members of a range of ranks, counted from the highest score.", "ZRANGE with REV"),
      range_reader("zrevrangebylex key max min [LIMIT {offset_count= offset:integer count:integer}]",
                   sorted_sets::zrevrangebylex, "2.8.9",
                   "The members within bounds by their bytes, backwards.", "ZRANGE with REV and BYLEX"),
      range_reader("zrevrangebyscore key max:double min:double [WITHSCORES] "
                   "[LIMIT {offset_count= offset:integer count:integer}]",
                   sorted_sets::zrevrangebyscore, "2.2.0",
                   "The members with scores within bounds, from the highest score on.",
                   "ZRANGE with REV and BYSCORE", kZrevrangebyscoreHistory),
      reader("zrevrank key member", 3, sorted_sets::zrevrank, "2.0.0",
             "How many members come behind a member by their scores.", {.complexity = "O(log(N))"}),
      slow_reader("zscan key cursor:integer [MATCH pattern] [COUNT count:integer]", -3, sorted_sets::zscan,
                  "2.8.0", "Walks over the members of a sorted set and their scores in steps.",
                  {.complexity = "O(1)", .tips = {"nondeterministic_output"}}),
      reader("zscore key member", 3, sorted_sets::zscore, "1.2.0", "The score of a member.",
             {.complexity = "O(1)"}),
      combiner("zunion numkeys:integer key ... [WEIGHTS weight:integer ...] "
               "[AGGREGATE (aggregate= SUM | MIN | MAX)] "
               "[WITHSCORES]",
               sorted_sets::zunion, "6.2.0", "The members that any of the sorted sets has.", kUnionReplied),
      combining_writer("zunionstore destination:key numkeys:integer key ... [WEIGHTS weight:integer ...] "
                       "[AGGREGATE (aggregate= SUM | MIN | MAX)]",
                       sorted_sets::zunionstore, "2.0.0", "Makes a sorted set of what ZUNION answers.",
                       kUnion),
  };
  return commands;
}

}  // namespace starling::server
