// ZADD and ZINCRBY.
#include "server/commands/sorted_sets/add.h"

#include <cmath>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "server/commands/arguments.h"
#include "server/commands/sorted_sets/handlers.h"

namespace starling::server::sorted_sets {
namespace {

using engine::ScoredMember;
using Members = absl::InlinedVector<ScoredMember, 4>;

struct Outcome {
  int64_t added = 0;
  int64_t changed = 0;
  std::optional<double> score;  // Of the member put last; nothing when the options forbade it.
};

// As the options want it kept beside what others put at the same time. Returns the score from now on.
double put(engine::SortedSet& set, const AddOptions& options, const ScoredMember& member, double score) {
  if (options.increment) return set.add(member.member, member.score);
  if (options.only_greater) {
    set.put_above(member.member, score);
  } else if (options.only_less) {
    set.put_below(member.member, score);
  } else {
    set.put(member.member, score);
  }
  return score;
}

double put(engine::SortedSetMaker& maker, const AddOptions&, const ScoredMember& member, double score) {
  maker.put(member.member, score);
  return score;
}

// False: the sum is not a number, and nothing was put.
template <typename Set>
bool add(Set& set, const AddOptions& options, const ScoredMember& member, Outcome* outcome) {
  double score = member.score;
  const std::optional<double> before = set.score(member.member);
  if (before.has_value() ? options.only_new : options.only_present) return true;
  if (before.has_value()) {
    if (options.increment) score += *before;
    if (std::isnan(score)) return false;
    if ((options.only_less && score >= *before) || (options.only_greater && score <= *before)) return true;
  }
  outcome->score = score;
  if (before == score) return true;
  outcome->score = put(set, options, member, score);
  ++(before.has_value() ? outcome->changed : outcome->added);
  return true;
}

template <typename Set>
bool add_all(Set&& set, const AddOptions& options, std::span<const ScoredMember> members, Outcome* outcome) {
  for (const ScoredMember& member : members) {
    if (!add(set, options, member, outcome)) return false;
  }
  return true;
}

bool add_to_key(CommandContext& context, const engine::Key& key, bool absent, const AddOptions& options,
                std::span<const ScoredMember> members, Outcome* outcome) {
  // With fewer a sorted set made apart gains nothing. It has plain scores only.
  constexpr size_t kManyMembers = 32;
  if (absent && members.size() >= kManyMembers && !options.only_greater && !options.only_less) {
    engine::SortedSetMaker maker(members.size());
    const bool added = add_all(maker, options, members, outcome);
    context.database.put_collection(key, maker.take());
    return added;
  }
  return add_all(engine::SortedSet(context.database, key), options, members, outcome);
}

// Reads the options from argument 2 on; the argument behind them. 0: an error was replied.
size_t add_options(const CommandContext& context, AddOptions* options) {
  size_t at = 2;
  for (; at < context.size(); ++at) {
    const std::string_view word = context.argument(at);
    if (is_word(word, "nx")) {
      options->only_new = true;
    } else if (is_word(word, "xx")) {
      options->only_present = true;
    } else if (is_word(word, "ch")) {
      options->count_changed = true;
    } else if (is_word(word, "incr")) {
      options->increment = true;
    } else if (is_word(word, "gt")) {
      options->only_greater = true;
    } else if (is_word(word, "lt")) {
      options->only_less = true;
    } else {
      break;
    }
  }
  const size_t left = context.size() - at;
  std::string_view error;
  if (left == 0 || left % 2 != 0) {
    error = kSyntaxError;
  } else if (options->only_new && options->only_present) {
    error = "ERR XX and NX options at the same time are not compatible";
  } else if (options->only_new + options->only_greater + options->only_less > 1) {
    error = "ERR GT, LT, and/or NX options at the same time are not compatible";
  } else if (options->increment && left > 2) {
    error = "ERR INCR option supports a single increment-element pair";
  }
  if (error.empty()) return at;
  context.reply.error(error);
  return 0;
}

void add_arguments(CommandContext& context, AddOptions options) {
  const size_t first = add_options(context, &options);
  if (first == 0) return;
  Members members;
  for (size_t i = first; i < context.size(); i += 2) {
    double score = 0;
    if (!real_argument(context, i, &score)) return;
    members.push_back({context.argument(i + 1), score});
  }
  add_members(context, options, members);
}

}  // namespace

void add_members(CommandContext& context, const AddOptions& options, std::span<const ScoredMember> members) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, engine::Type::kSortedSet, &found)) return;
  Outcome outcome;
  // What is put only where it is already leaves an absent key absent.
  if ((found || !options.only_present) && !add_to_key(context, key, !found, options, members, &outcome)) {
    return context.reply.error("ERR resulting score is not a number (NaN)");
  }
  if (outcome.added + outcome.changed != 0) {
    notify_change(context, kNotifySortedSet, options.increment ? "zincr" : "zadd", key.name, !found);
  }
  if (!options.increment) {
    context.reply.integer(outcome.added + (options.count_changed ? outcome.changed : 0));
  } else if (outcome.score.has_value()) {
    context.reply.real(*outcome.score);
  } else {
    context.reply.null();
  }
}

void zadd(CommandContext& context) {
  add_arguments(context, {});
}

void zincrby(CommandContext& context) {
  add_arguments(context, {.increment = true});
}

}  // namespace starling::server::sorted_sets
