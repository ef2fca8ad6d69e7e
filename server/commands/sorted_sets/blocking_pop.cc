// BZPOPMIN, BZPOPMAX and BZMPOP: as ZPOPMIN and its kin, once there is something.
#include "server/commands/arguments.h"
#include "server/commands/sorted_sets/handlers.h"
#include "server/commands/sorted_sets/pop.h"
#include "server/commands/waits.h"

namespace starling::server::sorted_sets {
namespace {

using engine::Type;

using Take = void (*)(CommandContext& context, const engine::Key& key, const engine::Collection& members,
                      const PopRequest& request);

// Takes of the first of the keys that holds something that is not for those who wait longer; waits where there is none.
void take_or_wait(CommandContext& context, const PopRequest& request, Take take) {
  int64_t timeout_ms = 0;
  if (!timeout_argument(context, &timeout_ms)) return;
  for (const size_t position : request.positions) {
    const engine::Key key = context.key(position);
    engine::Found found;
    if (!find_for_waiting(context, key, Type::kSortedSet, &found)) return;
    if (!found || !is_turn(context, key, Type::kSortedSet, found.collection().size())) continue;
    return take(context, key, found.collection(), request);
  }
  if (!wait_for(context, Type::kSortedSet, request.positions, timeout_ms)) context.reply.null_array();
}

// The key, a member and its score, side by side in RESP3 too.
void take_one(CommandContext& context, const engine::Key& key, const engine::Collection& members,
              const PopRequest& request) {
  context.reply.array(3);
  context.reply.bulk(key.name);
  pop_members(context, key, members, request.from, 1, false);
}

void take_some(CommandContext& context, const engine::Key& key, const engine::Collection& members,
               const PopRequest& request) {
  pop_with_key(context, key, members, request.from, request.count);
}

}  // namespace

void bzpopmin(CommandContext& context) {
  take_or_wait(context, {positions_from(1, context.size() - 2), PopFrom::kLowest, 1}, take_one);
}

void bzpopmax(CommandContext& context) {
  take_or_wait(context, {positions_from(1, context.size() - 2), PopFrom::kHighest, 1}, take_one);
}

void bzmpop(CommandContext& context) {
  PopRequest request;
  if (pop_request(context, 2, &request)) take_or_wait(context, request, take_some);
}

}  // namespace starling::server::sorted_sets
