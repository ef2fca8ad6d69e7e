// Hashes: fields and their values. HINCRBY and HINCRBYFLOAT are in hash_numbers.cc.
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/hashes/handlers.h"
#include "server/commands/random_elements.h"

namespace starling::server::hashes {
namespace {

using engine::Type;
using Element = engine::Collection::Element;

// Sets the fields and values from argument 2 on. False: an error was replied.
bool set_fields(CommandContext& context, int64_t* created) {
  if (context.size() % 2 != 0) {
    context.reply.error("ERR wrong number of arguments for '" + std::string(context.spec.name) + "' command");
    return false;
  }
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kHash, &found)) return false;
  *created = put_elements(context, Type::kHash, !found);
  notify_change(context, kNotifyHash, "hset", key.name, !found);
  return true;
}

}  // namespace

void hset(CommandContext& context) {
  int64_t created = 0;
  if (set_fields(context, &created)) context.reply.integer(created);
}

void hmset(CommandContext& context) {
  int64_t created = 0;
  if (set_fields(context, &created)) context.reply.ok();
}

void hsetnx(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kHash, &found)) return;
  if (found && found.collection().contains(context.argument(2))) return context.reply.integer(0);
  context.database.open(key, Type::kHash).put(context.argument(2), context.argument(3));
  notify_change(context, kNotifyHash, "hset", key.name, !found);
  context.reply.integer(1);
}

namespace {

void reply_field(CommandContext& context, const engine::Found& found, std::string_view field) {
  const auto value = found ? found.collection().find(field) : std::nullopt;
  if (value) {
    context.reply.bulk(*value);
  } else {
    context.reply.null();
  }
}

}  // namespace

void hget(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kHash, &found)) return;
  reply_field(context, found, context.argument(2));
}

void hmget(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kHash, &found)) return;
  context.reply.array(context.size() - 2);
  for (size_t i = 2; i < context.size(); ++i) reply_field(context, found, context.argument(i));
}

void hstrlen(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kHash, &found)) return;
  const auto value = found ? found.collection().find(context.argument(2)) : std::nullopt;
  context.reply.integer(value ? static_cast<int64_t>(value->size()) : 0);
}

void hgetall(CommandContext& context) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kHash, &found)) return;
  if (!found) return context.reply.map(0);
  context.reply.map(found.collection().size());
  found.collection().for_each([&](const Element& element) {
    context.reply.bulk(element.name);
    context.reply.bulk(element.value);
  });
}

namespace {

void reply_all(CommandContext& context, std::string_view Element::*part) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kHash, &found)) return;
  if (!found) return context.reply.array(0);
  context.reply.array(found.collection().size());
  found.collection().for_each([&](const Element& element) { context.reply.bulk(element.*part); });
}

}  // namespace

void hkeys(CommandContext& context) {
  reply_all(context, &Element::name);
}

void hvals(CommandContext& context) {
  reply_all(context, &Element::value);
}

void hrandfield(CommandContext& context) {
  if (context.size() == 2) return reply_random_element(context, Type::kHash);
  int64_t count = 0;
  if (!integer_argument_between(context, 2, -INT64_MAX, INT64_MAX, &count)) return;
  if (context.size() == 3) return reply_random_elements(context, Type::kHash, count, Show::kNames);
  if (context.size() > 4 || !is_word(context.argument(3), "withvalues")) {
    return context.reply.error(kSyntaxError);
  }
  if (count < -INT64_MAX / 2 || count > INT64_MAX / 2) {
    return context.reply.error("ERR value is out of range");
  }
  reply_random_elements(context, Type::kHash, count, Show::kNamesAndValues);
}

void hdel(CommandContext& context) {
  remove_elements(context, Type::kHash, kNotifyHash, "hdel");
}

void hexists(CommandContext& context) {
  reply_contains(context, Type::kHash);
}

void hlen(CommandContext& context) {
  reply_size(context, Type::kHash);
}

void hscan(CommandContext& context) {
  scan_collection(context, Type::kHash);
}

}  // namespace starling::server::hashes
