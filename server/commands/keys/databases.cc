// Whole databases, and keys that go from one to another: COPY, MOVE, SWAPDB, FLUSHDB, FLUSHALL, DBSIZE.
#include <climits>

#include "engine/core/engine.h"
#include "resp/number.h"
#include "server/commands/arguments.h"
#include "server/commands/keys/carried_groups.h"
#include "server/commands/keys/handlers.h"
#include "server/commands/keys/scope.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server::keys {
namespace {

constexpr std::string_view kDatabaseRangeError = "ERR DB index is out of range";
constexpr std::string_view kIntegerRangeError =
    "ERR value is out of range, value must between -2147483648 and 2147483647";
constexpr std::string_view kSameObjectError = "ERR source and destination objects are the same";

bool fits_int(int64_t value) {
  return value >= INT_MIN && value <= INT_MAX;
}

int64_t databases_of(const CommandContext& context) {
  return context.server.settings().databases;
}

// Empty, or the error. `count`: databases there are. Who looks for keys only takes all that there can be.
std::string_view parse_database(std::string_view text, int64_t count, int* database) {
  int64_t index = 0;
  if (!resp::parse_integer(text, &index)) return kNotIntegerError;
  if (!fits_int(index)) return kIntegerRangeError;
  if (index < 0 || index >= count) return kDatabaseRangeError;
  *database = static_cast<int>(index);
  return {};
}

struct CopyOptions {
  int database;
  bool replace = false;
};

// Empty, or the error.
std::string_view parse_copy_options(Arguments arguments, int64_t count, CopyOptions* options) {
  for (size_t i = 3; i < arguments.size(); ++i) {
    if (is_word(arguments[i], "replace")) {
      options->replace = true;
    } else if (is_word(arguments[i], "db") && i + 1 < arguments.size()) {
      const std::string_view error = parse_database(arguments[++i], count, &options->database);
      if (!error.empty()) return error;
    } else {
      return kSyntaxError;
    }
  }
  return {};
}

}  // namespace

void copy_target(Arguments arguments, int database, std::vector<engine::KeyRef>* keys) {
  CopyOptions options{database};
  if (arguments.size() < 3 || !parse_copy_options(arguments, engine::kDatabaseCount, &options).empty())
    return;
  keys->push_back({options.database, engine::Key(arguments[2])});
}

void copy(CommandContext& context) {
  CopyOptions options{context.database.index()};
  const std::string_view error = parse_copy_options(context.arguments, databases_of(context), &options);
  if (!error.empty()) return context.reply.error(error);
  const engine::Key from = context.key(1), to = context.key(2);
  if (options.database == context.database.index() && from.name == to.name)
    return context.reply.error(kSameObjectError);
  if (!find_to_read(context, from)) return context.reply.integer(0);
  engine::Database target = context.operation.database(options.database);
  if (target.find(to) && !options.replace) return context.reply.integer(0);
  const CarriedGroups groups(context.database, from);
  context.database.copy(from, target, to);
  groups.set(target, to);
  context.notify(kNotifyNew, "new", to.name, target.index());
  context.notify(kNotifyGeneric, "copy_to", to.name, target.index());
  context.reply.integer(1);
}

void move_target(Arguments arguments, int /*database*/, std::vector<engine::KeyRef>* keys) {
  int target = 0;
  if (arguments.size() != 3 || !parse_database(arguments[2], engine::kDatabaseCount, &target).empty()) return;
  keys->push_back({target, engine::Key(arguments[1])});
}

void move(CommandContext& context) {
  int target_index = 0;
  const std::string_view error = parse_database(context.argument(2), databases_of(context), &target_index);
  if (!error.empty()) return context.reply.error(error);
  if (target_index == context.database.index()) return context.reply.error(kSameObjectError);
  const engine::Key key = context.key(1);
  const engine::Found found = find_to_change(context, key);
  engine::Database target = context.operation.database(target_index);
  if (!found || target.find(key)) return context.reply.integer(0);
  const CarriedGroups groups(context.database, key);
  context.database.move(key, target, key);
  groups.set(target, key);
  context.notify(kNotifyNew, "new", key.name, target_index);
  context.notify(kNotifyGeneric, "move_from", key.name);
  context.notify(kNotifyGeneric, "move_to", key.name, target_index);
  context.reply.integer(1);
}

namespace {

bool lock_everything(const CommandContext& context) {
  return context.client.io_thread().dispatcher().lock_everything(context);
}

// Watched keys of `to` that are about to appear there from `from`. Those that vanish, the engine tells of.
void touch_appearing(CommandContext& context, int from, int to) {
  WatchTable& watches = context.server.watches();
  for (const std::string& name : watches.keys_of(to)) {
    const engine::Key key(name);
    // What is not resident is on the disk, or so it may be.
    if (!context.operation.resident({from, key}) ||
        context.operation.database(from).find(key, engine::Touch::kNo))
      watches.touched(to, name);
  }
}

}  // namespace

void swapdb(CommandContext& context) {
  int64_t first = 0, second = 0;
  if (!integer_argument_between(context, 1, INT_MIN, INT_MAX, &first, "ERR invalid first DB index")) return;
  if (!integer_argument_between(context, 2, INT_MIN, INT_MAX, &second, "ERR invalid second DB index")) return;
  const int64_t count = databases_of(context);
  if (first < 0 || first >= count || second < 0 || second >= count)
    return context.reply.error(kDatabaseRangeError);
  if (first != second) {
    if (!lock_everything(context)) return;
    touch_appearing(context, static_cast<int>(first), static_cast<int>(second));
    touch_appearing(context, static_cast<int>(second), static_cast<int>(first));
    context.operation.swap_databases(static_cast<int>(first), static_cast<int>(second));
  }
  context.reply.ok();
}

namespace {

// False: an error was replied. Both modes take the same instant.
bool flush_mode(const CommandContext& context) {
  if (context.size() == 1) return true;
  if (context.size() == 2 && (is_word(context.argument(1), "sync") || is_word(context.argument(1), "async")))
    return true;
  context.reply.error(kSyntaxError);
  return false;
}

}  // namespace

void flushdb(CommandContext& context) {
  if (!flush_mode(context)) return;
  if (!lock_everything(context)) return;
  context.operation.flush_database(context.database.index());
  context.reply.ok();
}

void flushall(CommandContext& context) {
  if (!flush_mode(context)) return;
  if (!lock_everything(context)) return;
  context.operation.flush_all();
  context.reply.ok();
}

namespace {

// The partitions that this node answers for, in a command that several nodes answer.
void dbsize_of(CommandContext& context, std::shared_ptr<const PartitionSet> partitions) {
  context.offload([&engine = context.server.engine(), database = context.database.index(),
                   partitions = std::move(partitions)]() -> CommandContext::Completion {
    uint64_t keys = 0;
    for (uint32_t i = 0; i < engine::kPartitionCount; ++i) {
      if ((*partitions)[i]) keys += engine.count_in_partition(database, static_cast<uint16_t>(i));
    }
    return [keys](resp::ReplyWriter& reply) { reply.integer(static_cast<int64_t>(keys)); };
  });
}

}  // namespace

void dbsize(CommandContext& context) {
  std::shared_ptr<const PartitionSet> partitions;
  if (!scope_of(context, &partitions)) return;
  if (partitions != nullptr) return dbsize_of(context, std::move(partitions));
  if (!context.client.io_thread().dispatcher().lock_any(context)) return;
  const engine::Database database = context.operation.database(context.database.index());
  context.reply.integer(static_cast<int64_t>(database.size()));
}

}  // namespace starling::server::keys
