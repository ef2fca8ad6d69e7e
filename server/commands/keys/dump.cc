// DUMP and RESTORE: values as payloads that a Redis 7.0 reads and writes too (rdb_payload.h).
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/types/list/list.h"
#include "server/commands/arguments.h"
#include "server/commands/collections.h"
#include "server/commands/keys/handlers.h"
#include "server/commands/keys/policy_kinds.h"
#include "server/rdb/rdb_payload.h"
#include "server/server.h"

namespace starling::server::keys {
namespace {

// Views into the record.
RdbValue value_of(const engine::Found& found) {
  RdbValue value;
  value.type = found.type();
  if (found.type() == engine::Type::kString) {
    value.strings.add(found.string());
    return value;
  }
  if (found.type() == engine::Type::kList) {
    const engine::ListView list(found.collection());
    value.strings.all.reserve(list.size());
    list.walk(0, list.size(), [&](std::string_view item) {
      value.strings.add(item);
      return true;
    });
    return value;
  }
  const bool with_values = found.type() == engine::Type::kHash;
  value.strings.all.reserve(found.collection().size() * (with_values ? 2 : 1));
  found.collection().for_each([&](const engine::Collection::Element& element) {
    value.strings.add(element.name);
    if (with_values) value.strings.add(element.value);
  });
  return value;
}

}  // namespace

void dump(CommandContext& context) {
  const engine::Found found = find_to_read(context, context.key(1));
  if (!found) return context.reply.null();
  const engine::Type type = found.type();
  if (type == engine::Type::kStream)
    return context.reply.bulk(encode_rdb_payload(found.collection(), RdbForm::kPlain));
  const bool compact =
      type != engine::Type::kString && is_compact(context.server.settings(), found.collection());
  const RdbForm form = compact ? RdbForm::kCompact : RdbForm::kPlain;
  context.reply.bulk(type == engine::Type::kSortedSet ? encode_rdb_payload(found.collection(), form)
                                                      : encode_rdb_payload(value_of(found), form));
}

namespace {

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;      // The time to live is a Unix time.
  int64_t idle_seconds = -1;  // -1: not given. At most one of the two is.
  int64_t frequency = -1;
};

// False: an error was replied.
bool restore_options(const CommandContext& context, RestoreOptions* options) {
  for (size_t i = 4; i < context.size(); ++i) {
    const std::string_view option = context.argument(i);
    const bool has_value = i + 1 < context.size();
    if (is_word(option, "replace")) {
      options->replace = true;
    } else if (is_word(option, "absttl")) {
      options->absolute = true;
    } else if (has_value && is_word(option, "idletime") && options->frequency == -1) {
      if (!integer_argument(context, ++i, &options->idle_seconds)) return false;
      if (options->idle_seconds < 0) {
        context.reply.error("ERR Invalid IDLETIME value, must be >= 0");
        return false;
      }
    } else if (has_value && is_word(option, "freq") && options->idle_seconds == -1) {
      if (!integer_argument(context, ++i, &options->frequency)) return false;
      if (options->frequency < 0 || options->frequency > 255) {
        context.reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255");
        return false;
      }
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  return true;
}

struct Restored {
  RdbValue value;                                  // Refers to the argument.
  std::unique_ptr<engine::Collection> collection;  // Null: it is a string or a list.
};

// False: an error was replied.
bool payload_argument(const CommandContext& context, size_t i, Restored* value) {
  const std::string_view payload = context.argument(i);
  if (!rdb_payload_intact(payload)) {
    context.reply.error("ERR DUMP payload version or checksum are wrong");
    return false;
  }
  value->collection = decode_rdb_collection(payload);
  if (value->collection != nullptr) return true;
  const RdbValue& decoded = value->value;
  if (decode_rdb_payload(payload, &value->value) &&
      (decoded.type == engine::Type::kString || decoded.type == engine::Type::kList))
    return true;
  context.reply.error("ERR Bad data format");
  return false;
}

void store(engine::Database& database, const engine::Key& key, Restored value, int64_t deadline_ms) {
  const std::vector<std::string_view>& strings = value.value.strings.all;
  if (value.value.type == engine::Type::kString) return database.put_string(key, strings[0], deadline_ms);
  if (value.value.type == engine::Type::kList) {
    engine::ListMaker maker(database.operation().birth(), strings.size());
    for (const std::string_view item : strings) maker.add(item);
    value.collection = maker.take();
  }
  database.put_collection(key, std::move(value.collection));
  if (deadline_ms != engine::kNoDeadline) database.set_deadline(key, deadline_ms);
}

void apply_access(CommandContext& context, const engine::Key& key, const RestoreOptions& options) {
  // The clock of last use has 24 bits of seconds.
  constexpr int64_t kMaxIdleSeconds = 0xffffff;
  const bool by_frequency = tracks_frequency(context.server.settings().eviction_policy);
  if ((by_frequency ? options.frequency : options.idle_seconds) < 0) return;
  context.database.set_access(key, std::min(options.idle_seconds, kMaxIdleSeconds),
                              static_cast<int>(options.frequency));
}

}  // namespace

void restore(CommandContext& context) {
  const engine::Key key = context.key(1);
  RestoreOptions options;
  if (!restore_options(context, &options)) return;
  const bool existed = static_cast<bool>(find_to_change(context, key));
  if (existed && !options.replace) return context.reply.error("BUSYKEY Target key name already exists.");
  int64_t deadline_ms = 0;
  Restored value;
  if (!integer_argument(context, 2, &deadline_ms)) return;
  if (deadline_ms < 0) return context.reply.error("ERR Invalid TTL value, must be >= 0");
  if (!payload_argument(context, 3, &value)) return;
  if (deadline_ms != 0 && !options.absolute)
    deadline_ms = context.now_ms() + std::min(deadline_ms, INT64_MAX - context.now_ms());
  if (deadline_ms != 0 && deadline_ms <= context.now_ms() && !context.operation.sees_late()) {
    if (context.database.remove(key)) context.notify(kNotifyGeneric, "del", key.name);
    return context.reply.ok();
  }
  store(context.database, key, std::move(value), deadline_ms);
  apply_access(context, key, options);
  context.notify(kNotifyNew, "new", key.name);
  context.notify(kNotifyGeneric, "restore", key.name);
  context.reply.ok();
}

}  // namespace starling::server::keys
