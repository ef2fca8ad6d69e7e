// ZPOPMIN, ZPOPMAX and ZMPOP.
#include "server/commands/sorted_sets/pop.h"

#include <algorithm>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/commands/arguments.h"
#include "server/commands/sorted_sets/handlers.h"
#include "server/commands/waits.h"

namespace starling::server::sorted_sets {
namespace {

using engine::Type;

void pop_from_one(CommandContext& context, PopFrom from) {
  if (context.size() > 3) return context.reply.error(kSyntaxError);
  const bool counted = context.size() == 3;
  int64_t count = 1;
  if (counted && !integer_argument_between(context, 2, 0, INT64_MAX, &count, kNotPositiveError)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kSortedSet, &found)) return;
  if (!found || count == 0) return context.reply.array(0);
  const engine::Collection& members = found.collection();
  const uint64_t popped = std::min(static_cast<uint64_t>(count), members.size());
  const bool in_pairs = counted && context.reply.protocol() >= 3;
  context.reply.array(in_pairs ? popped : popped * 2);
  pop_members(context, key, members, from, popped, in_pairs);
}

}  // namespace

bool pop_request(const CommandContext& context, size_t at, PopRequest* request) {
  int64_t keys = 0, count = 0;
  if (!integer_argument_between(context, at, 1, INT64_MAX, &keys, "ERR numkeys should be greater than 0")) {
    return false;
  }
  const size_t left = context.size() - at - 1;
  const size_t key_count = std::min(static_cast<size_t>(keys), left);
  request->positions = positions_from(at + 1, key_count);
  const size_t where = at + 1 + key_count;
  const bool lowest = where < context.size() && is_word(context.argument(where), "min");
  if (!lowest && (where >= context.size() || !is_word(context.argument(where), "max"))) {
    context.reply.error(kSyntaxError);
    return false;
  }
  request->from = lowest ? PopFrom::kLowest : PopFrom::kHighest;
  for (size_t i = where + 1; i < context.size(); i += 2) {
    if (count != 0 || !is_word(context.argument(i), "count") || i + 1 == context.size()) {
      context.reply.error(kSyntaxError);
      return false;
    }
    if (!integer_argument_between(context, i + 1, 1, INT64_MAX, &count,
                                  "ERR count should be greater than 0")) {
      return false;
    }
    request->count = static_cast<uint64_t>(count);
  }
  return true;
}

void pop_members(CommandContext& context, const engine::Key& key, const engine::Collection& members,
                 PopFrom from, uint64_t count, bool in_pairs) {
  const engine::SortedSetView view(members);
  const bool lowest = from == PopFrom::kLowest;
  const bool all = count == view.size();
  const auto reply = [&](const engine::ScoredMember& member) {
    if (in_pairs) context.reply.array(2);
    context.reply.bulk(member.member);
    context.reply.real(member.score);
    return true;
  };
  if (lowest) {
    view.walk(0, count, reply);
  } else {
    view.walk_back(view.size() - 1, count, reply);
  }
  if (all) {
    context.database.remove(key);
  } else {
    engine::SortedSet(context.database, key).remove_range(lowest ? 0 : view.size() - count, count);
  }
  context.notify(kNotifySortedSet, lowest ? "zpopmin" : "zpopmax", key.name);
  if (all) context.notify(kNotifyGeneric, "del", key.name);
}

void zpopmin(CommandContext& context) {
  pop_from_one(context, PopFrom::kLowest);
}

void zpopmax(CommandContext& context) {
  pop_from_one(context, PopFrom::kHighest);
}

void pop_with_key(CommandContext& context, const engine::Key& key, const engine::Collection& members,
                  PopFrom from, uint64_t most) {
  const uint64_t popped = std::min(most, members.size());
  context.reply.array(2);
  context.reply.bulk(key.name);
  context.reply.array(popped);
  pop_members(context, key, members, from, popped, true);
}

void zmpop(CommandContext& context) {
  PopRequest request;
  if (!pop_request(context, 1, &request)) return;
  for (const size_t position : request.positions) {
    const engine::Key key = context.key(position);
    engine::Found found;
    if (!find_to_change(context, key, Type::kSortedSet, &found)) return;
    if (found) return pop_with_key(context, key, found.collection(), request.from, request.count);
  }
  context.reply.null_array();
}

}  // namespace starling::server::sorted_sets
