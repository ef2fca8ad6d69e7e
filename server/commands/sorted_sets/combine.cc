// ZUNION, ZINTER, ZDIFF, what stores them, and ZINTERCARD.
#include <algorithm>
#include <string>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/sorted_sets/algebra.h"
#include "server/commands/sorted_sets/handlers.h"
#include "server/commands/sorted_sets/member_reply.h"
#include "server/commands/sorted_sets/store.h"

namespace starling::server::sorted_sets {
namespace {

using engine::ScoredMember;

enum class Operation : uint8_t { kUnion, kIntersection, kDifference };

struct Request {
  std::vector<Source> sources;
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  int64_t limit = 0;  // 0: none.
};

// What may follow the keys.
struct Form {
  bool weights = false;  // And how scores are combined.
  bool scores = false;
  bool limit = false;
};

// The number of keys in argument `at`. False: an error was replied.
bool key_count(const CommandContext& context, size_t at, size_t* count) {
  int64_t number = 0;
  if (!integer_argument(context, at, &number)) return false;
  if (number < 1) {
    context.reply.error("ERR at least 1 input key is needed for '" + std::string(context.spec.name) +
                        "' command");
    return false;
  }
  if (static_cast<uint64_t>(number) > context.size() - at - 1) {
    context.reply.error(kSyntaxError);
    return false;
  }
  *count = static_cast<size_t>(number);
  return true;
}

// False: an error was replied.
bool find_sources(CommandContext& context, size_t first, size_t count, std::vector<Source>* sources) {
  sources->reserve(count);
  for (size_t i = first; i < first + count; ++i) {
    const engine::Found found = find_to_read(context, context.key(i));
    if (found && found.type() != engine::Type::kSortedSet && found.type() != engine::Type::kSet) {
      context.reply.error(kWrongTypeError);
      return false;
    }
    sources->emplace_back(found ? &found.collection() : nullptr);
  }
  return true;
}

bool parse_aggregate(std::string_view word, Aggregate* aggregate) {
  if (is_word(word, "sum")) {
    *aggregate = Aggregate::kSum;
  } else if (is_word(word, "min")) {
    *aggregate = Aggregate::kMin;
  } else if (is_word(word, "max")) {
    *aggregate = Aggregate::kMax;
  } else {
    return false;
  }
  return true;
}

// Reads what follows the keys, from argument i on. False: an error was replied.
bool combine_options(const CommandContext& context, size_t i, const Form& form, Request* request) {
  while (i < context.size()) {
    const std::string_view word = context.argument(i++);
    const size_t left = context.size() - i;
    if (form.weights && left >= request->sources.size() && is_word(word, "weights")) {
      for (Source& source : request->sources) {
        if (!real_argument(context, i++, &source.weight, "ERR weight value is not a float")) return false;
      }
    } else if (form.weights && left >= 1 && is_word(word, "aggregate") &&
               parse_aggregate(context.argument(i), &request->aggregate)) {
      ++i;
    } else if (form.scores && is_word(word, "withscores")) {
      request->with_scores = true;
    } else if (form.limit && left >= 1 && is_word(word, "limit")) {
      if (!integer_argument_between(context, i++, 0, INT64_MAX, &request->limit,
                                    "ERR LIMIT can't be negative")) {
        return false;
      }
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  return true;
}

// Reads "numkeys key ..." from argument `at` on, and what follows. False: an error was replied.
bool combine_request(CommandContext& context, size_t at, const Form& form, Request* request) {
  size_t count = 0;
  return key_count(context, at, &count) && find_sources(context, at + 1, count, &request->sources) &&
         combine_options(context, at + 1 + count, form, request);
}

std::vector<ScoredMember> combine(Operation operation, Request& request) {
  switch (operation) {
    case Operation::kUnion:
      return unite(std::move(request.sources), request.aggregate);
    case Operation::kIntersection:
      return intersect(std::move(request.sources), request.aggregate);
    case Operation::kDifference:
      break;
  }
  return subtract(request.sources);
}

void reply_combined(CommandContext& context, Operation operation) {
  Request request;
  const Form form{.weights = operation != Operation::kDifference, .scores = true};
  if (!combine_request(context, 1, form, &request)) return;
  std::vector<ScoredMember> members = combine(operation, request);
  std::sort(members.begin(), members.end(), [](const ScoredMember& a, const ScoredMember& b) {
    return a.score != b.score ? a.score < b.score : a.member < b.member;
  });
  begin_members(context.reply, members.size(), request.with_scores);
  for (const ScoredMember& member : members) reply_member(context.reply, member, request.with_scores);
}

void store_combined(CommandContext& context, Operation operation, std::string_view event) {
  Request request;
  const Form form{.weights = operation != Operation::kDifference};
  if (!combine_request(context, 2, form, &request)) return;
  const std::vector<ScoredMember> members = combine(operation, request);
  engine::SortedSetMaker maker(members.size());
  for (const ScoredMember& member : members) maker.put(member.member, member.score);
  store_members(context, 1, std::move(maker), event);
}

}  // namespace

void zdiff(CommandContext& context) {
  reply_combined(context, Operation::kDifference);
}

void zdiffstore(CommandContext& context) {
  store_combined(context, Operation::kDifference, "zdiffstore");
}

void zinter(CommandContext& context) {
  reply_combined(context, Operation::kIntersection);
}

void zinterstore(CommandContext& context) {
  store_combined(context, Operation::kIntersection, "zinterstore");
}

void zunion(CommandContext& context) {
  reply_combined(context, Operation::kUnion);
}

void zunionstore(CommandContext& context) {
  store_combined(context, Operation::kUnion, "zunionstore");
}

void zintercard(CommandContext& context) {
  Request request;
  if (!combine_request(context, 1, {.limit = true}, &request)) return;
  const uint64_t limit = request.limit == 0 ? UINT64_MAX : static_cast<uint64_t>(request.limit);
  context.reply.integer(static_cast<int64_t>(count_intersection(std::move(request.sources), limit)));
}

}  // namespace starling::server::sorted_sets
