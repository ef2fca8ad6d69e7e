// Sets: their members. What combines several sets is in set_algebra.cc.
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/random_elements.h"
#include "server/commands/sets/handlers.h"
#include "server/process/thread_random.h"
#include "server/server.h"

namespace starling::server::sets {
namespace {

using engine::Type;
using Element = engine::Collection::Element;

}  // namespace

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
  const engine::Collection& set = found.collection();
  if (!is_compact(context.server.settings(), set)) {
    context.reply.set(set.size());
    return set.for_each([&](const Element& element) { context.reply.bulk(element.name); });
  }
  std::vector<Element> members;
  set.for_each([&](const Element& element) { members.push_back(element); });
  order_members(context.server.settings(), &members);
  context.reply.set(members.size());
  for (const Element& member : members) context.reply.bulk(member.name);
}

void srandmember(CommandContext& context) {
  if (context.size() == 2) return reply_random_element(context, Type::kSet);
  if (context.size() > 3) return context.reply.error(kSyntaxError);
  int64_t count = 0;
  if (!integer_argument_between(context, 2, -INT64_MAX, INT64_MAX, &count)) return;
  reply_random_elements(context, Type::kSet, count, Show::kNames);
}

namespace {

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

}  // namespace

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

}  // namespace starling::server::sets
