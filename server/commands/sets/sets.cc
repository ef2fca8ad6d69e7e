// Sets: their members. What combines several sets is in set_algebra.cc.
#include <array>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/families.h"
#include "server/commands/random_elements.h"
#include "server/commands/sets/set_algebra.h"
#include "server/process/thread_random.h"

namespace starling::server {
namespace {

using engine::Type;
using Element = engine::Collection::Element;

void sadd(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kSet, &found)) return;
  const int64_t added = put_elements(context, Type::kSet, !found);
  if (added != 0) notify_change(context, kNotifySet, "sadd", key.name, !found);
  context.reply.integer(added);
}

void smove(CommandContext& context) {
  const engine::Key from = context.key(1), to = context.key(2);
  const std::string_view member = context.argument(3);
  const engine::Found source = find_to_change(context, from);
  const engine::Found target = find_to_change(context, to);
  if (!source) return context.reply.integer(0);
  if (source.type() != Type::kSet || (target && target.type() != Type::kSet)) {
    return context.reply.error(kWrongTypeError);
  }
  const bool has_member = source.collection().contains(member);
  if (!has_member || from.name == to.name) return context.reply.integer(has_member ? 1 : 0);

  const bool last = source.collection().size() == 1;
  context.database.open(from, Type::kSet).remove(member);
  context.notify(kNotifySet, "srem", from.name);
  if (last) context.notify(kNotifyGeneric, "del", from.name);
  if (context.database.open(to, Type::kSet).put(member, {})) {
    notify_change(context, kNotifySet, "sadd", to.name, !target);
  }
  context.reply.integer(1);
}

void smismember(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSet, &found)) return;
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i) {
    context.reply.integer(found && found.collection().contains(context.argument(i)) ? 1 : 0);
  }
}

void smembers(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kSet, &found)) return;
  if (!found) return context.reply.set(0);
  context.reply.set(found.collection().size());
  found.collection().for_each([&](const Element& element) { context.reply.bulk(element.name); });
}

void srandmember(CommandContext& context) {
  if (context.size() == 2) return reply_random_element(context, Type::kSet);
  if (context.size() > 3) return context.reply.error(kSyntaxError);
  int64_t count = 0;
  if (!integer_argument_between(context, 2, -INT64_MAX, INT64_MAX, &count)) return;
  reply_random_elements(context, Type::kSet, count, Show::kNames);
}

void notify_popped(const CommandContext& context, bool all) {
  context.notify(kNotifySet, "spop", context.argument(1));
  if (all) context.notify(kNotifyGeneric, "del", context.argument(1));
}

void pop_one(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kSet, &found)) return;
  if (!found) return context.reply.null();
  const bool last = found.collection().size() == 1;
  const std::string_view member = found.collection().random(thread_random()).name;
  context.reply.bulk(member);
  context.database.open(key, Type::kSet).remove(member);
  notify_popped(context, last);
}

void pop_several(CommandContext& context) {
  int64_t argument = 0;
  if (!integer_argument_between(context, 2, 0, INT64_MAX, &argument, kNotPositiveError)) return;
  const auto count = static_cast<uint64_t>(argument);
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kSet, &found)) return;
  if (!found || count == 0) return context.reply.set(0);

  const engine::Collection& members = found.collection();
  const bool all = count >= members.size();
  context.reply.set(all ? members.size() : count);
  std::vector<std::string_view> popped;
  sample_elements(members, count, thread_random(), [&](const Element& element) {
    context.reply.bulk(element.name);
    if (!all) popped.push_back(element.name);
  });
  if (all) {
    context.database.remove(key);
  } else {
    engine::OpenCollection set = context.database.open(key, Type::kSet);
    for (const std::string_view member : popped) set.remove(member);
  }
  notify_popped(context, all);
}

void spop(CommandContext& context) {
  if (context.size() > 3) return context.reply.error(kSyntaxError);
  if (context.size() == 2) return pop_one(context);
  pop_several(context);
}

void srem(CommandContext& context) {
  remove_elements(context, Type::kSet, kNotifySet, "srem");
}

void sismember(CommandContext& context) {
  reply_contains(context, Type::kSet);
}

void scard(CommandContext& context) {
  reply_size(context, Type::kSet);
}

void sscan(CommandContext& context) {
  scan_collection(context, Type::kSet);
}

constexpr uint32_t kFastRead = kCatRead | kCatSet | kCatFast;
constexpr uint32_t kSlowRead = kCatRead | kCatSet | kCatSlow;
constexpr uint32_t kFastWrite = kCatWrite | kCatSet | kCatFast;
constexpr uint32_t kSlowWrite = kCatWrite | kCatSet | kCatSlow;

constexpr CommandChange kSaddHistory[] = {{"2.4.0", "Several members."}};
constexpr CommandChange kSpopHistory[] = {{"3.2.0", "A count."}};
constexpr CommandChange kSrandmemberHistory[] = {{"2.6.0", "A count."}};
constexpr CommandChange kSremHistory[] = {{"2.4.0", "Several members."}};

}  // namespace

std::span<const CommandSpec> set_commands() {
  static const std::array commands = {
      CommandSpec{.name = "sadd",
                  .syntax = "key member ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom | kFast | kMerges,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyInsert),
                  .handler = sadd,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Adds members to a set.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop, .history = kSaddHistory}},
      CommandSpec{.name = "scard",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO),
                  .handler = scard,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "How many members a set has.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "sdiff",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = keys_from(1, kKeyRO | kKeyAccess),
                  .handler = sdiff,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "The members of the first set that none of the others has.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
      CommandSpec{.name = "sdiffstore",
                  .syntax = "destination:key key ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = {key_at(1, kKeyOW | kKeyUpdate), keys_from(2, kKeyRO | kKeyAccess)},
                  .handler = sdiffstore,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Makes a set of what SDIFF answers.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "sinter",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = keys_from(1, kKeyRO | kKeyAccess),
                  .handler = sinter,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "The members that all of the sets have.",
                  .docs = {.complexity = "O(N*M)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
      CommandSpec{.name = "sintercard",
                  .syntax = "numkeys:integer key ... [LIMIT limit:integer]",
                  .arity = -3,
                  .flags = kReadOnly | kMovableKeys,
                  .categories = kSlowRead,
                  .keys = counted_keys(1, kKeyRO | kKeyAccess),
                  .handler = sintercard,
                  .group = "set",
                  .since = "7.0.0",
                  .summary = "How many members all of the sets have.",
                  .docs = {.complexity = "O(N*M)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "sinterstore",
                  .syntax = "destination:key key ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = {key_at(1, kKeyRW | kKeyUpdate), keys_from(2, kKeyRO | kKeyAccess)},
                  .handler = sinterstore,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Makes a set of what SINTER answers.",
                  .docs = {.complexity = "O(N*M)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "sismember",
                  .syntax = "key member",
                  .arity = 3,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO),
                  .handler = sismember,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Whether a set has the member.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "smembers",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = smembers,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "All members of a set.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
      CommandSpec{.name = "smismember",
                  .syntax = "key member ...",
                  .arity = -3,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = smismember,
                  .group = "set",
                  .since = "6.2.0",
                  .summary = "For each of several members whether a set has it.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "smove",
                  .syntax = "source:key destination:key member",
                  .arity = 4,
                  .flags = kWrite | kFast,
                  .categories = kFastWrite,
                  .keys = {key_at(1, kKeyRW | kKeyAccess | kKeyDelete), key_at(2, kKeyRW | kKeyInsert)},
                  .handler = smove,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Moves a member from one set to another.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "spop",
                  .syntax = "key [count:integer]@3.2.0",
                  .arity = -2,
                  .flags = kWrite | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyDelete),
                  .handler = spop,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Removes members chosen at random and answers with them.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output"},
                           .history = kSpopHistory}},
      CommandSpec{.name = "srandmember",
                  .syntax = "key [count:integer]@2.6.0",
                  .arity = -2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = srandmember,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Members chosen at random.",
                  .difference = kRepetitionsDifference,
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output"},
                           .history = kSrandmemberHistory}},
      CommandSpec{.name = "srem",
                  .syntax = "key member ...",
                  .arity = -3,
                  .flags = kWrite | kFast | kMerges,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyDelete),
                  .handler = srem,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Removes members from a set.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .history = kSremHistory}},
      CommandSpec{.name = "sscan",
                  .syntax = "key cursor:integer [MATCH pattern] [COUNT count:integer]",
                  .arity = -3,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = sscan,
                  .group = "set",
                  .since = "2.8.0",
                  .summary = "Walks over the members of a set in steps.",
                  .docs = {.complexity = "O(1)", .tips = {"nondeterministic_output"}}},
      CommandSpec{.name = "sunion",
                  .syntax = "key ...",
                  .arity = -2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = keys_from(1, kKeyRO | kKeyAccess),
                  .handler = sunion,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "The members that any of the sets has.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
      CommandSpec{.name = "sunionstore",
                  .syntax = "destination:key key ...",
                  .arity = -3,
                  .flags = kWrite | kDenyOom,
                  .categories = kSlowWrite,
                  .keys = {key_at(1, kKeyOW | kKeyUpdate), keys_from(2, kKeyRO | kKeyAccess)},
                  .handler = sunionstore,
                  .group = "set",
                  .since = "1.0.0",
                  .summary = "Makes a set of what SUNION answers.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
  };
  return commands;
}

}  // namespace starling::server
