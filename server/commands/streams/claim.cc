// XCLAIM and XAUTOCLAIM: pending entries change hands.
#include <algorithm>
#include <climits>
#include <optional>
#include <string>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/streams/group_arguments.h"
#include "server/commands/streams/handlers.h"
#include "server/commands/streams/ids.h"

namespace starling::server::streams {
namespace {

using engine::PendingEntry;
using engine::Stream;
using engine::StreamEntry;
using engine::StreamGroupChange;
using engine::StreamId;

struct ClaimOptions {
  int64_t least_idle_ms = 0;
  std::optional<int64_t> delivered_ms;
  int64_t retry_count = -1;  // -1: not given.
  bool force = false;
  bool only_ids = false;
  StreamId last;
};

// False: an error was replied.
bool claim_option(const CommandContext& context, size_t* i, ClaimOptions* options) {
  const std::string_view word = context.argument(*i);
  const bool more = *i + 1 < context.size();
  if (is_word(word, "force")) {
    options->force = true;
  } else if (is_word(word, "justid")) {
    options->only_ids = true;
  } else if (more && is_word(word, "idle")) {
    int64_t idle_ms = 0;
    if (!integer_argument(context, ++*i, &idle_ms, "ERR Invalid IDLE option argument for XCLAIM"))
      return false;
    int64_t delivered_ms = 0;
    if (__builtin_sub_overflow(context.now_ms(), idle_ms, &delivered_ms)) delivered_ms = context.now_ms();
    options->delivered_ms = delivered_ms;
  } else if (more && is_word(word, "time")) {
    int64_t& delivered_ms = options->delivered_ms.emplace();
    if (!integer_argument(context, ++*i, &delivered_ms, "ERR Invalid TIME option argument for XCLAIM"))
      return false;
  } else if (more && is_word(word, "retrycount")) {
    if (!integer_argument(context, ++*i, &options->retry_count,
                          "ERR Invalid RETRYCOUNT option argument for XCLAIM"))
      return false;
  } else if (more && is_word(word, "lastid")) {
    return id_argument(context, ++*i, &options->last);
  } else {
    context.reply.error("ERR Unrecognized XCLAIM option " + quoted(word));
    return false;
  }
  return true;
}

// Argument 4. False: an error was replied.
bool idle_argument(const CommandContext& context, int64_t* least_idle_ms) {
  const std::string_view error = context.spec.name == "xclaim"
                                     ? "ERR Invalid min-idle-time argument for XCLAIM"
                                     : "ERR Invalid min-idle-time argument for XAUTOCLAIM";
  if (!integer_argument(context, 4, least_idle_ms, error)) return false;
  *least_idle_ms = std::max<int64_t>(*least_idle_ms, 0);
  return true;
}

// Ids from argument 5 on, as many as there are, then options. False: an error was replied.
bool claim_arguments(const CommandContext& context, std::vector<StreamId>* ids, ClaimOptions* options) {
  size_t i = 5;
  for (; i < context.size(); ++i) {
    const std::optional<StreamId> id = parse_id(context.argument(i), 0, Edges::kRefused);
    if (!id.has_value()) break;
    ids->push_back(*id);
  }
  for (; i < context.size(); ++i) {
    if (!claim_option(context, &i, options)) return false;
  }
  return true;
}

void reply_claimed(CommandContext& context, const Stream& stream, std::span<const StreamId> ids,
                   bool only_ids) {
  context.reply.array(ids.size());
  for (const StreamId id : ids) {
    if (only_ids) {
      reply_id(context.reply, id);
    } else {
      reply_entry(context.reply, *stream.view().find(id));
    }
  }
}

}  // namespace

void xclaim(CommandContext& context) {
  engine::Found found;
  bool there = false;
  ClaimOptions options;
  std::vector<StreamId> ids;
  if (!find_group(context, 1, &found, &there)) return;
  if (!there) return reply_no_group(context, 1);
  if (!idle_argument(context, &options.least_idle_ms) || !claim_arguments(context, &ids, &options)) return;
  const engine::Key key = context.key(1);
  const int64_t now_ms = context.now_ms();
  int64_t delivered_ms = options.delivered_ms.value_or(now_ms);
  // -1 stands for no time in Redis; what is no time that was is taken for now.
  if (delivered_ms < 0 || delivered_ms > now_ms) delivered_ms = now_ms;
  Stream stream(context.database, key);
  StreamGroupChange group(stream, context.argument(2));
  group.advance(options.last);
  std::vector<StreamId> claimed;
  for (const StreamId id : ids) {
    const std::optional<PendingEntry> pending = group.view().pending(id);
    if (!stream.view().contains(id)) {
      if (pending.has_value()) group.acknowledge(id);
      continue;
    }
    if (!pending.has_value() && !options.force) continue;
    if (pending.has_value() && options.least_idle_ms != 0 &&
        now_ms - pending->delivered_ms < options.least_idle_ms)
      continue;
    uint64_t deliveries = pending.has_value() ? pending->deliveries : 1;
    if (options.retry_count >= 0) {
      deliveries = static_cast<uint64_t>(options.retry_count);
    } else if (!options.only_ids) {
      ++deliveries;
    }
    group.put_pending(id, {delivered_ms, deliveries, context.argument(3)});
    claimed.push_back(id);
  }
  if (!claimed.empty()) see_consumer(context, key, group, context.argument(3), true);
  reply_claimed(context, stream, claimed, options.only_ids);
}

namespace {

// How many pending entries are looked at for each that may be claimed.
constexpr int64_t kLooksEach = 10;

struct AutomaticClaim {
  int64_t least_idle_ms = 0;
  StreamId start;
  int64_t count = 100;
  bool only_ids = false;
};

// False: an error was replied.
bool automatic_claim(const CommandContext& context, AutomaticClaim* claim) {
  if (!idle_argument(context, &claim->least_idle_ms) || !start_argument(context, 5, &claim->start))
    return false;
  for (size_t i = 6; i < context.size(); ++i) {
    if (i + 1 < context.size() && is_word(context.argument(i), "count")) {
      constexpr int64_t kMost = LONG_MAX / static_cast<int64_t>(sizeof(StreamId));
      if (!integer_argument_between(context, ++i, 1, kMost, &claim->count, "ERR COUNT must be > 0"))
        return false;
    } else if (is_word(context.argument(i), "justid")) {
      claim->only_ids = true;
    } else {
      context.reply.error(kSyntaxError);
      return false;
    }
  }
  return true;
}

struct Looked {
  std::vector<std::pair<StreamId, uint64_t>> claimed;  // With how often they were delivered.
  std::vector<StreamId> removed;                       // Entries that are gone.
  StreamId next;                                       // Where to go on; 0-0: nowhere.
};

Looked look(const CommandContext& context, const Stream& stream, const engine::StreamGroupView& group,
            const AutomaticClaim& claim) {
  Looked looked;
  int64_t looks = claim.count > INT64_MAX / kLooksEach ? INT64_MAX : claim.count * kLooksEach;
  int64_t left = claim.count;
  group.walk_pending(claim.start, [&](StreamId id, const PendingEntry& pending) {
    if (looks-- <= 0 || left == 0) {
      looked.next = id;
      return false;
    }
    if (!stream.view().contains(id)) {
      looked.removed.push_back(id);
      --left;
    } else if (claim.least_idle_ms == 0 || context.now_ms() - pending.delivered_ms >= claim.least_idle_ms) {
      looked.claimed.emplace_back(id, pending.deliveries);
      --left;
    }
    return true;
  });
  return looked;
}

}  // namespace

void xautoclaim(CommandContext& context) {
  AutomaticClaim claim;
  engine::Found found;
  bool there = false;
  if (!automatic_claim(context, &claim) || !find_group(context, 1, &found, &there)) return;
  if (!there) return reply_no_group(context, 1);
  const engine::Key key = context.key(1);
  Stream stream(context.database, key);
  StreamGroupChange group(stream, context.argument(2));
  const Looked looked = look(context, stream, group.view(), claim);
  std::vector<StreamId> claimed;
  for (const auto& [id, deliveries] : looked.claimed) {
    group.put_pending(id, {context.now_ms(), deliveries + (claim.only_ids ? 0 : 1), context.argument(3)});
    claimed.push_back(id);
  }
  if (!claimed.empty()) see_consumer(context, key, group, context.argument(3), true);
  for (const StreamId id : looked.removed) group.acknowledge(id);
  context.reply.array(3);
  reply_id(context.reply, looked.next);
  reply_claimed(context, stream, claimed, claim.only_ids);
  context.reply.array(looked.removed.size());
  for (const StreamId id : looked.removed) reply_id(context.reply, id);
}

}  // namespace starling::server::streams
