// Hashes: fields and their values. HINCRBY and HINCRBYFLOAT are in hash_numbers.cc.
#include <array>
#include <string>

#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/families.h"
#include "server/commands/hashes/hash_numbers.h"
#include "server/commands/random_elements.h"

namespace starling::server {
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

void reply_field(CommandContext& context, const engine::Found& found, std::string_view field) {
  const auto value = found ? found.collection().find(field) : std::nullopt;
  if (value) {
    context.reply.bulk(*value);
  } else {
    context.reply.null();
  }
}

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

void reply_all(CommandContext& context, std::string_view Element::*part) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kHash, &found)) return;
  if (!found) return context.reply.array(0);
  context.reply.array(found.collection().size());
  found.collection().for_each([&](const Element& element) { context.reply.bulk(element.*part); });
}

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

constexpr uint32_t kFastRead = kCatRead | kCatHash | kCatFast;
constexpr uint32_t kSlowRead = kCatRead | kCatHash | kCatSlow;
constexpr uint32_t kFastWrite = kCatWrite | kCatHash | kCatFast;

constexpr CommandChange kHdelHistory[] = {{"2.4.0", "Several fields."}};
constexpr CommandChange kHsetHistory[] = {{"4.0.0", "Several fields and values."}};

}  // namespace

std::span<const CommandSpec> hash_commands() {
  static const std::array commands = {
      CommandSpec{.name = "hdel",
                  .syntax = "key field ...",
                  .arity = -3,
                  .flags = kWrite | kFast | kMerges,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyDelete),
                  .handler = hdel,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "Removes fields from a hash.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .history = kHdelHistory}},
      CommandSpec{.name = "hexists",
                  .syntax = "key field",
                  .arity = 3,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO),
                  .handler = hexists,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "Whether a hash has the field.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hget",
                  .syntax = "key field",
                  .arity = 3,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = hget,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "The value of one field.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hgetall",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = hgetall,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "All fields of a hash with their values.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
      CommandSpec{.name = "hincrby",
                  .syntax = "key field increment:integer",
                  .arity = 4,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = hincrby,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "Adds an integer to the number in a field.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hincrbyfloat",
                  .syntax = "key field increment:double",
                  .arity = 4,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyAccess | kKeyUpdate),
                  .handler = hincrbyfloat,
                  .group = "hash",
                  .since = "2.6.0",
                  .summary = "Adds a real number to the number in a field.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hkeys",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = hkeys,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "The names of all fields of a hash.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
      CommandSpec{.name = "hlen",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO),
                  .handler = hlen,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "How many fields a hash has.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hmget",
                  .syntax = "key field ...",
                  .arity = -3,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = hmget,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "The values of several fields, null for those that are absent.",
                  .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop}},
      CommandSpec{.name = "hmset",
                  .syntax = "key {field value} ...",
                  .arity = -4,
                  .flags = kWrite | kDenyOom | kFast | kMerges,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyUpdate),
                  .handler = hmset,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "Sets fields of a hash; HSET does the same and tells how many are new.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .deprecated = {"4.0.0", "HSET with several pairs"}}},
      CommandSpec{
          .name = "hrandfield",
          .syntax = "key [options= count:integer [WITHVALUES]]",
          .arity = -2,
          .flags = kReadOnly,
          .categories = kSlowRead,
          .keys = key_at(1, kKeyRO | kKeyAccess),
          .handler = hrandfield,
          .group = "hash",
          .since = "6.2.0",
          .summary = "Fields chosen at random.",
          .difference = kRepetitionsDifference,
          .docs = {.complexity = "O(N)", .work = Work::kHoldsLoop, .tips = {"nondeterministic_output"}}},
      CommandSpec{.name = "hscan",
                  .syntax = "key cursor:integer [MATCH pattern] [COUNT count:integer]",
                  .arity = -3,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = hscan,
                  .group = "hash",
                  .since = "2.8.0",
                  .summary = "Walks over the fields of a hash in steps.",
                  .docs = {.complexity = "O(1)", .tips = {"nondeterministic_output"}}},
      CommandSpec{.name = "hset",
                  .syntax = "key {field value} ...",
                  .arity = -4,
                  .flags = kWrite | kDenyOom | kFast | kMerges,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyUpdate),
                  .handler = hset,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "Sets fields of a hash.",
                  .docs = {.complexity = "O(1)", .work = Work::kHoldsLoop, .history = kHsetHistory}},
      CommandSpec{.name = "hsetnx",
                  .syntax = "key field value",
                  .arity = 4,
                  .flags = kWrite | kDenyOom | kFast,
                  .categories = kFastWrite,
                  .keys = key_at(1, kKeyRW | kKeyInsert),
                  .handler = hsetnx,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "Sets a field unless the hash has it.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hstrlen",
                  .syntax = "key field",
                  .arity = 3,
                  .flags = kReadOnly | kFast,
                  .categories = kFastRead,
                  .keys = key_at(1, kKeyRO),
                  .handler = hstrlen,
                  .group = "hash",
                  .since = "3.2.0",
                  .summary = "How many bytes the value of a field has.",
                  .docs = {.complexity = "O(1)"}},
      CommandSpec{.name = "hvals",
                  .syntax = "key",
                  .arity = 2,
                  .flags = kReadOnly,
                  .categories = kSlowRead,
                  .keys = key_at(1, kKeyRO | kKeyAccess),
                  .handler = hvals,
                  .group = "hash",
                  .since = "2.0.0",
                  .summary = "The values of all fields of a hash.",
                  .docs = {.complexity = "O(N)",
                           .work = Work::kHoldsLoop,
                           .tips = {"nondeterministic_output_order"}}},
  };
  return commands;
}

}  // namespace starling::server
