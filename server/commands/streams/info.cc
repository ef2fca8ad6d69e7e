// XINFO.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/types/stream/stream_group.h"
#include "server/commands/arguments.h"
#include "server/commands/help.h"
#include "server/commands/streams/group_arguments.h"
#include "server/commands/streams/handlers.h"
#include "server/commands/streams/ids.h"
#include "server/commands/streams/trim.h"

namespace starling::server::streams {
namespace {

using engine::GroupState;
using engine::PendingEntry;
using engine::StreamConsumer;
using engine::StreamEntry;
using engine::StreamGroupView;
using engine::StreamId;
using engine::StreamView;
using engine::Type;

// The stream in argument 2. False: an error was replied.
bool find_stream(CommandContext& context, engine::Found* found) {
  if (!find_to_read(context, context.key(2), Type::kStream, found)) return false;
  if (!*found) context.reply.error(kNoSuchKeyError);
  return static_cast<bool>(*found);
}

void reply_unknown(const CommandContext& context) {
  context.reply.error("ERR unknown subcommand or wrong number of arguments for '" +
                      std::string(context.argument(1)) + "'. Try XINFO HELP.");
}

void reply_number(CommandContext& context, std::string_view name, int64_t value) {
  context.reply.bulk(name);
  context.reply.integer(value);
}

void reply_named_id(CommandContext& context, std::string_view name, StreamId id) {
  context.reply.bulk(name);
  reply_id(context.reply, id);
}

void reply_edge(CommandContext& context, std::string_view name, const std::optional<StreamEntry>& entry) {
  context.reply.bulk(name);
  if (!entry.has_value()) return context.reply.null();
  reply_entry(context.reply, *entry);
}

// What Redis's tree of nodes would have about.
void reply_outline(CommandContext& context, const StreamView& stream) {
  const uint64_t size = stream.size();
  const engine::StreamTotals totals = stream.totals();
  const auto nodes = static_cast<int64_t>((size + kNodeEntries - 1) / kNodeEntries);
  reply_number(context, "length", static_cast<int64_t>(size));
  reply_number(context, "radix-tree-keys", nodes);
  reply_number(context, "radix-tree-nodes", nodes + 1);
  reply_named_id(context, "last-generated-id", totals.last);
  reply_named_id(context, "max-deleted-entry-id", totals.max_deleted);
  reply_number(context, "entries-added", totals.added(size));
  reply_named_id(context, "recorded-first-entry-id", size == 0 ? StreamId{} : stream.first().id);
}

void reply_counts(CommandContext& context, const StreamView& stream, const GroupState& state) {
  context.reply.bulk("entries-read");
  if (state.entries_read != engine::kUnknownCount) {
    context.reply.integer(state.entries_read);
  } else {
    context.reply.null();
  }
  context.reply.bulk("lag");
  const std::optional<int64_t> lag = engine::group_lag(stream, state);
  if (lag.has_value()) {
    context.reply.integer(*lag);
  } else {
    context.reply.null();
  }
}

struct PendingOne {
  StreamId id;
  PendingEntry entry;
};

// How many there are, and those that are shown.
struct PendingShown {
  size_t count = 0;
  std::vector<PendingOne> first;

  // 0: all are shown.
  void add(PendingOne one, uint64_t most) {
    ++count;
    if (most == 0 || first.size() < most) first.push_back(std::move(one));
  }
};

void reply_pending(CommandContext& context, std::span<const PendingOne> pending, bool with_consumer) {
  context.reply.array(pending.size());
  for (const PendingOne& one : pending) {
    context.reply.array(with_consumer ? 4 : 3);
    reply_id(context.reply, one.id);
    if (with_consumer) context.reply.bulk(one.entry.consumer);
    context.reply.integer(one.entry.delivered_ms);
    context.reply.integer(static_cast<int64_t>(one.entry.deliveries));
  }
}

void reply_full_group(CommandContext& context, const StreamView& stream, std::string_view name,
                      uint64_t most) {
  const StreamGroupView group(stream, name);
  const std::optional<GroupState> state = group.state();
  PendingShown all;
  std::map<std::string_view, PendingShown> by_consumer;
  group.walk_pending({}, [&](StreamId id, const PendingEntry& entry) {
    all.add({id, entry}, most);
    by_consumer[entry.consumer].add({id, entry}, most);
    return true;
  });
  context.reply.map(7);
  context.reply.bulk("name");
  context.reply.bulk(name);
  reply_named_id(context, "last-delivered-id", state->last());
  reply_counts(context, stream, *state);
  reply_number(context, "pel-count", static_cast<int64_t>(all.count));
  context.reply.bulk("pending");
  reply_pending(context, all.first, true);
  context.reply.bulk("consumers");
  context.reply.array(group.consumers());
  group.walk_consumers([&](std::string_view consumer, const StreamConsumer& seen) {
    const PendingShown& pending = by_consumer[consumer];
    context.reply.map(4);
    context.reply.bulk("name");
    context.reply.bulk(consumer);
    reply_number(context, "seen-time", seen.seen_ms);
    reply_number(context, "pel-count", static_cast<int64_t>(pending.count));
    context.reply.bulk("pending");
    reply_pending(context, pending.first, false);
    return true;
  });
}

void reply_full(CommandContext& context, const StreamView& stream, uint64_t most) {
  context.reply.map(9);
  reply_outline(context, stream);
  context.reply.bulk("entries");
  const uint64_t shown = most == 0 ? stream.size() : std::min(stream.size(), most);
  context.reply.array(shown);
  stream.walk(0, shown, [&](const StreamEntry& entry) {
    reply_entry(context.reply, entry);
    return true;
  });
  context.reply.bulk("groups");
  context.reply.array(engine::count_groups(stream));
  engine::walk_groups(stream, [&](std::string_view name) {
    reply_full_group(context, stream, name, most);
    return true;
  });
}

// FULL [COUNT count]; nothing: neither is given. False: an error was replied.
bool full_option(const CommandContext& context, std::optional<uint64_t>* most) {
  constexpr int64_t kUsual = 10;
  if (context.size() == 3) return true;
  const bool counts = context.size() == 6;
  if ((context.size() != 4 && !counts) || !is_word(context.argument(3), "full") ||
      (counts && !is_word(context.argument(4), "count"))) {
    reply_unknown(context);
    return false;
  }
  int64_t count = kUsual;
  if (counts && !integer_argument(context, 5, &count)) return false;
  if (count < 0) count = kUsual;
  *most = static_cast<uint64_t>(count);
  return true;
}

}  // namespace

void stream_info(CommandContext& context) {
  engine::Found found;
  std::optional<uint64_t> most;
  if (!find_stream(context, &found) || !full_option(context, &most)) return;
  const StreamView stream(found.collection());
  if (most.has_value()) return reply_full(context, stream, *most);
  context.reply.map(10);
  reply_outline(context, stream);
  reply_number(context, "groups", static_cast<int64_t>(engine::count_groups(stream)));
  const bool empty = stream.size() == 0;
  reply_edge(context, "first-entry", empty ? std::nullopt : std::optional(stream.first()));
  reply_edge(context, "last-entry", empty ? std::nullopt : std::optional(stream.last()));
}

void groups_info(CommandContext& context) {
  engine::Found found;
  if (!find_stream(context, &found)) return;
  const StreamView stream(found.collection());
  context.reply.array(engine::count_groups(stream));
  engine::walk_groups(stream, [&](std::string_view name) {
    const StreamGroupView group(stream, name);
    const std::optional<GroupState> state = group.state();
    context.reply.map(6);
    context.reply.bulk("name");
    context.reply.bulk(name);
    reply_number(context, "consumers", static_cast<int64_t>(group.consumers()));
    reply_number(context, "pending", static_cast<int64_t>(group.all_pending()));
    reply_named_id(context, "last-delivered-id", state->last());
    reply_counts(context, stream, *state);
    return true;
  });
}

void consumers_info(CommandContext& context) {
  engine::Found found;
  if (!find_stream(context, &found)) return;
  const StreamGroupView group(StreamView(found.collection()), context.argument(3));
  if (!group.state().has_value()) return reply_no_such_group(context, 2);
  std::map<std::string_view, int64_t> pending;
  group.walk_pending({}, [&](StreamId, const PendingEntry& entry) {
    ++pending[entry.consumer];
    return true;
  });
  context.reply.array(group.consumers());
  group.walk_consumers([&](std::string_view name, const StreamConsumer& consumer) {
    context.reply.map(3);
    context.reply.bulk("name");
    context.reply.bulk(name);
    reply_number(context, "pending", pending[name]);
    reply_number(context, "idle", std::max<int64_t>(context.now_ms() - consumer.seen_ms, 0));
    return true;
  });
}

void info_help(CommandContext& context) {
  static constexpr std::string_view kLines[] = {
      "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CONSUMERS <key> <groupname>",
      "    The consumers of a group.",
      "GROUPS <key>",
      "    The groups of a stream.",
      "STREAM <key> [FULL [COUNT <count>]",
      "    What is known of a stream.",
      "HELP",
      "    Prints this help.",
  };
  write_help(context, kLines);
}

}  // namespace starling::server::streams
