// Over all keys of a database: KEYS, SCAN, RANDOMKEY. They may read the disk, so they leave the loop.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/engine.h"
#include "resp/glob.h"
#include "server/commands/arguments.h"
#include "server/commands/keys/handlers.h"
#include "server/commands/keys/scope.h"
#include "server/commands/keys/type_name.h"
#include "server/commands/scan_options.h"
#include "server/execute/command_table.h"
#include "server/server.h"
#include "server/session/client.h"

namespace starling::server::keys {
namespace {

using Names = std::vector<std::string>;

// What a walk over a database needs beyond the handler's call.
struct Walk {
  explicit Walk(const CommandContext& context)
      : engine(context.server.engine()),
        database(context.database.index()),
        now_ms(context.now_ms()),
        operation(context.in_exec ? &context.operation : nullptr) {}

  uint64_t step(uint64_t cursor, uint64_t count, const engine::ScanFilter& filter, Names* names) const {
    return engine.scan(
        database, cursor, count, filter, now_ms, [&](std::string_view key) { names->emplace_back(key); },
        operation);
  }

  engine::Engine& engine;
  int database;
  int64_t now_ms;
  engine::Operation*
      operation;  // Inside EXEC only, where everything is locked and `work` runs within the call.
};

std::function<bool(std::string_view)> matcher(std::string_view pattern) {
  return [pattern = std::string(pattern)](std::string_view name) { return resp::glob_match(pattern, name); };
}

void reply_names(const Names& names, resp::ReplyWriter& reply) {
  reply.array(names.size());
  for (const std::string& name : names) reply.bulk(name);
}

}  // namespace

void keys(CommandContext& context) {
  constexpr uint64_t kStep = 4096;
  engine::ScanFilter filter;
  if (!bounded_pattern(context, 1)) return;
  // "*" alone matches the empty key too, which no other pattern with a star does.
  if (context.argument(1) != "*") filter.match = matcher(context.argument(1));
  std::shared_ptr<const PartitionSet> partitions;
  if (!scope_of(context, &partitions)) return;
  filter.partitions = partitions.get();
  context.offload([walk = Walk(context), filter = std::move(filter), partitions] {
    auto names = std::make_shared<Names>();
    uint64_t cursor = 0;
    do {
      cursor = walk.step(cursor, kStep, filter, names.get());
    } while (cursor != 0);
    return [names](resp::ReplyWriter& reply) { reply_names(*names, reply); };
  });
}

namespace {

engine::Type type_named(std::string_view name) {
  using engine::Type;
  for (const Type type :
       {Type::kString, Type::kHash, Type::kSet, Type::kList, Type::kSortedSet, Type::kStream}) {
    if (equals_ignoring_case(type_name(type), name)) return type;
  }
  return Type::kNone;
}

}  // namespace

void scan(CommandContext& context) {
  uint64_t cursor = 0;
  ScanOptions options;
  if (!parse_scan_cursor(context.argument(1), &cursor)) return context.reply.error(kInvalidCursorError);
  if (!scan_options(context, 2, ScanOf::kKeys, &options)) return;
  engine::ScanFilter filter;
  if (options.pattern) filter.match = matcher(*options.pattern);
  if (options.type) {
    filter.type = type_named(*options.type);
    // Nothing is of a type that does not exist; the scan goes its way nevertheless.
    if (filter.type == engine::Type::kNone) filter.match = [](std::string_view) { return false; };
  }
  std::shared_ptr<const PartitionSet> partitions;
  if (!scope_of(context, &partitions)) return;
  if (partitions != nullptr) filter.end_partition = context.client.scope->end;
  context.offload([walk = Walk(context), filter = std::move(filter), cursor, count = options.count] {
    auto names = std::make_shared<Names>();
    const uint64_t next = walk.step(cursor, count, filter, names.get());
    return [names, next](resp::ReplyWriter& reply) {
      reply.array(2);
      reply.bulk(std::to_string(next));
      reply_names(*names, reply);
    };
  });
}

namespace {

// Any key of these partitions.
std::optional<std::string> random_key_of(const Walk& walk, const PartitionSet& partitions) {
  constexpr int kAttempts = 20;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::optional<std::string> key = walk.engine.random_key(walk.database, walk.now_ms, nullptr);
    if (!key || partitions[engine::partition_of(*key)]) return key;
  }
  // There are few of them.
  engine::ScanFilter filter;
  filter.partitions = &partitions;
  Names names;
  uint64_t cursor = 0;
  do {
    cursor = walk.step(cursor, 1, filter, &names);
  } while (cursor != 0 && names.empty());
  if (names.empty()) return std::nullopt;
  return std::move(names.front());
}

}  // namespace

void randomkey(CommandContext& context) {
  std::shared_ptr<const PartitionSet> partitions;
  if (!scope_of(context, &partitions)) return;
  context.offload([walk = Walk(context), partitions] {
    std::optional<std::string> key = partitions != nullptr
                                         ? random_key_of(walk, *partitions)
                                         : walk.engine.random_key(walk.database, walk.now_ms, walk.operation);
    return [key = std::move(key)](resp::ReplyWriter& reply) {
      if (key) {
        reply.bulk(*key);
      } else {
        reply.null();
      }
    };
  });
}

}  // namespace starling::server::keys
