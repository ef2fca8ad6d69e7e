// XGROUP, XACK and XPENDING.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/help.h"
#include "server/commands/streams/group_arguments.h"
#include "server/commands/streams/handlers.h"
#include "server/commands/streams/ids.h"

namespace starling::server::streams {
namespace {

using engine::PendingEntry;
using engine::Stream;
using engine::StreamGroupChange;
using engine::StreamGroupView;
using engine::StreamId;
using engine::StreamView;
using engine::Type;

struct GroupOptions {
  bool makes_stream = false;
  int64_t entries_read = engine::kUnknownCount;
};

// From argument 5 on. False: an error was replied.
bool group_options(const CommandContext& context, bool creates, GroupOptions* options) {
  for (size_t i = 5; i < context.size(); ++i) {
    if (creates && is_word(context.argument(i), "mkstream")) {
      options->makes_stream = true;
    } else if (i + 1 < context.size() && is_word(context.argument(i), "entriesread")) {
      if (!integer_argument(context, ++i, &options->entries_read)) return false;
      if (options->entries_read >= 0 || options->entries_read == engine::kUnknownCount) continue;
      context.reply.error("ERR value for ENTRIESREAD must be positive or -1");
      return false;
    } else {
      context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                          std::string(context.argument(1)) + "'. Try XGROUP HELP.");
      return false;
    }
  }
  return true;
}

// Where the group begins; nothing for "$". False: an error was replied.
bool group_start(const CommandContext& context, Edges edges, std::optional<StreamId>* start) {
  if (context.argument(4) == "$") return true;
  return id_argument(context, 4, &start->emplace(), edges);
}

// The stream of a subcommand, in argument 2. False: an error was replied.
bool find_stream(CommandContext& context, bool must_exist, engine::Found* found) {
  if (!find_to_change(context, context.key(2), Type::kStream, found)) return false;
  if (*found || !must_exist) return true;
  context.reply.error(
      "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
      "MKSTREAM "
      "option to create an empty stream automatically.");
  return false;
}

bool has_group(const CommandContext& context, const engine::Found& found) {
  return StreamGroupView(StreamView(found.collection()), context.argument(3)).state().has_value();
}

// The same of one whose group must be there too.
bool find_stream_with_group(CommandContext& context, engine::Found* found) {
  if (!find_stream(context, true, found)) return false;
  if (has_group(context, *found)) return true;
  reply_no_such_group(context, 2);
  return false;
}

}  // namespace

void create_group(CommandContext& context) {
  GroupOptions options;
  engine::Found found;
  std::optional<StreamId> start;
  if (!group_options(context, true, &options) || !find_stream(context, !options.makes_stream, &found) ||
      !group_start(context, Edges::kRefused, &start))
    return;
  const engine::Key key = context.key(2);
  if (found && has_group(context, found))
    return context.reply.error("BUSYGROUP Consumer Group name already exists");
  const bool created = !found;
  Stream stream(context.database, key);
  if (created) stream.set_totals({});
  StreamGroupChange(stream, context.argument(3)).begin(start, options.entries_read);
  context.reply.ok();
  notify_change(context, kNotifyStream, "xgroup-create", key.name, created);
}

void set_group_id(CommandContext& context) {
  GroupOptions options;
  engine::Found found;
  std::optional<StreamId> start;
  if (!group_options(context, false, &options) || !find_stream_with_group(context, &found) ||
      !group_start(context, Edges::kMeant, &start))
    return;
  const engine::Key key = context.key(2);
  Stream stream(context.database, key);
  StreamGroupChange(stream, context.argument(3)).begin(start, options.entries_read);
  context.reply.ok();
  context.notify(kNotifyStream, "xgroup-setid", key.name);
}

void destroy_group(CommandContext& context) {
  engine::Found found;
  if (!find_stream(context, true, &found)) return;
  if (!has_group(context, found)) return context.reply.integer(0);
  const engine::Key key = context.key(2);
  Stream stream(context.database, key);
  StreamGroupChange(stream, context.argument(3)).destroy();
  context.reply.integer(1);
  context.notify(kNotifyStream, "xgroup-destroy", key.name);
}

void create_consumer(CommandContext& context) {
  engine::Found found;
  if (!find_stream_with_group(context, &found)) return;
  const StreamGroupView view(StreamView(found.collection()), context.argument(3));
  if (view.consumer(context.argument(4)).has_value()) return context.reply.integer(0);
  const engine::Key key = context.key(2);
  Stream stream(context.database, key);
  StreamGroupChange group(stream, context.argument(3));
  see_consumer(context, key, group, context.argument(4), false);
  context.reply.integer(1);
}

void delete_consumer(CommandContext& context) {
  engine::Found found;
  if (!find_stream_with_group(context, &found)) return;
  const StreamGroupView view(StreamView(found.collection()), context.argument(3));
  if (!view.consumer(context.argument(4)).has_value()) return context.reply.integer(0);
  const engine::Key key = context.key(2);
  Stream stream(context.database, key);
  const uint64_t pending =
      StreamGroupChange(stream, context.argument(3)).remove_consumer(context.argument(4));
  context.reply.integer(static_cast<int64_t>(pending));
  context.notify(kNotifyStream, "xgroup-delconsumer", key.name);
}

void group_help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CREATE <key> <groupname> <id|$> [option]",
      "    Makes a group. Options are:",
      "    * MKSTREAM",
      "      Makes the stream if there is none.",
      "    * ENTRIESREAD entries_read",
      "      How many entries count as read.",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "    Makes a consumer of the group.",
      "DELCONSUMER <key> <groupname> <consumer>",
      "    Removes the consumer.",
      "DESTROY <key> <groupname>",
      "    Removes the group.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
      "    Has the group go on from there.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

void xack(CommandContext& context) {
  engine::Found found;
  bool there = false;
  if (!find_group(context, 1, &found, &there)) return;
  if (!there) return context.reply.integer(0);
  std::vector<StreamId> ids(context.size() - 3);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!id_argument(context, i + 3, &ids[i])) return;
  }
  Stream stream(context.database, context.key(1));
  StreamGroupChange group(stream, context.argument(2));
  int64_t acknowledged = 0;
  for (const StreamId id : ids) acknowledged += group.acknowledge(id) ? 1 : 0;
  context.reply.integer(acknowledged);
}

namespace {

struct PendingRange {
  int64_t least_idle_ms = 0;
  int64_t count = 0;
  StreamId start, end;
  std::optional<std::string_view> consumer;
};

// False: an error was replied.
bool pending_range(const CommandContext& context, PendingRange* range) {
  size_t start_at = 3;
  if (is_word(context.argument(3), "idle")) {
    if (!integer_argument(context, 4, &range->least_idle_ms)) return false;
    if (context.size() < 8) {
      context.reply.error(kSyntaxError);
      return false;
    }
    start_at = 5;
  }
  if (!integer_argument(context, start_at + 2, &range->count)) return false;
  if (!start_argument(context, start_at, &range->start) || !end_argument(context, start_at + 1, &range->end))
    return false;
  if (start_at + 3 < context.size()) range->consumer = context.argument(start_at + 3);
  return true;
}

void reply_summary(CommandContext& context, const StreamGroupView& group) {
  std::map<std::string_view, int64_t> consumers;
  std::optional<StreamId> first;
  StreamId last;
  int64_t count = 0;
  group.walk_pending({}, [&](StreamId id, const PendingEntry& pending) {
    ++consumers[pending.consumer];
    if (!first.has_value()) first = id;
    last = id;
    ++count;
    return true;
  });
  context.reply.array(4);
  context.reply.integer(count);
  if (!first.has_value()) {
    context.reply.null();
    context.reply.null();
    return context.reply.null_array();
  }
  reply_id(context.reply, *first);
  reply_id(context.reply, last);
  context.reply.array(consumers.size());
  for (const auto& [name, pending] : consumers) {
    context.reply.array(2);
    context.reply.bulk(name);
    context.reply.bulk_integer(pending);
  }
}

void reply_pending(CommandContext& context, const StreamGroupView& group, const PendingRange& range) {
  std::vector<std::pair<StreamId, PendingEntry>> shown;
  const auto most = static_cast<size_t>(std::max<int64_t>(range.count, 0));
  const auto visit = [&](StreamId id, const PendingEntry& pending) {
    if (id > range.end) return false;
    const bool fits = !range.consumer.has_value() || pending.consumer == *range.consumer;
    const bool idle =
        range.least_idle_ms == 0 || context.now_ms() - pending.delivered_ms >= range.least_idle_ms;
    if (fits && idle) shown.emplace_back(id, pending);
    return shown.size() < most;
  };
  if (most != 0) group.walk_pending(range.start, visit);
  context.reply.array(shown.size());
  for (const auto& [id, pending] : shown) {
    context.reply.array(4);
    reply_id(context.reply, id);
    context.reply.bulk(pending.consumer);
    context.reply.integer(std::max<int64_t>(context.now_ms() - pending.delivered_ms, 0));
    context.reply.integer(static_cast<int64_t>(pending.deliveries));
  }
}

}  // namespace

void xpending(CommandContext& context) {
  const bool summary = context.size() == 3;
  PendingRange range;
  if (!summary && (context.size() < 6 || context.size() > 9)) return context.reply.error(kSyntaxError);
  if (!summary && !pending_range(context, &range)) return;
  engine::Found found;
  if (!find_to_read(context, context.key(1), Type::kStream, &found)) return;
  if (!found) return reply_no_group(context, 1);
  const StreamGroupView group(StreamView(found.collection()), context.argument(2));
  if (!group.state().has_value()) return reply_no_group(context, 1);
  if (summary) return reply_summary(context, group);
  if (range.consumer.has_value() && !group.consumer(*range.consumer).has_value())
    return context.reply.array(0);
  reply_pending(context, group, range);
}

}  // namespace starling::server::streams
