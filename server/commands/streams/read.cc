// XREAD and XREADGROUP.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/types/stream/stream_group.h"
#include "server/commands/arguments.h"
#include "server/commands/streams/group_arguments.h"
#include "server/commands/streams/handlers.h"
#include "server/commands/streams/ids.h"
#include "server/commands/waits.h"
#include "server/execute/block_timeout.h"
#include "server/session/client.h"

namespace starling::server::streams {
namespace {

using engine::GroupState;
using engine::PendingEntry;
using engine::StreamEntry;
using engine::StreamGroupChange;
using engine::StreamId;
using engine::StreamView;
using engine::Type;

struct ReadRequest {
  bool groups = false;  // XREADGROUP.
  bool blocks = false;
  int64_t timeout_ms = 0;
  uint64_t count = UINT64_MAX;
  bool no_acknowledgement = false;
  size_t keys_at = 0, keys = 0;
  std::string_view group, consumer;
  bool group_given = false;
};

// Of one of its streams.
struct Source {
  engine::Key key;
  bool news = false;  // ">".
  StreamId behind;
};

// What no client without a timeout of its own asked for more of.
constexpr uint64_t kMostWhenBlocking = 1000;

bool refuse(const CommandContext& context, std::string_view error) {
  context.reply.error(error);
  return false;
}

bool count_option(const CommandContext& context, size_t i, uint64_t* count) {
  int64_t number = 0;
  if (!integer_argument(context, i, &number)) return false;
  *count = number <= 0 ? UINT64_MAX : static_cast<uint64_t>(number);
  return true;
}

bool block_option(const CommandContext& context, size_t i, int64_t* timeout_ms) {
  const bool by_script = context.client.untold != nullptr;
  if (by_script) {
    return refuse(context, "ERR " + std::string(context.argument(0)) +
                               " command is not allowed with BLOCK option from scripts");
  }
  if (!integer_argument(context, i, timeout_ms, "ERR timeout is not an integer or out of range"))
    return false;
  return *timeout_ms >= 0 || refuse(context, "ERR timeout is negative");
}

// What is behind STREAMS. False: an error was replied.
bool streams_option(const CommandContext& context, size_t i, ReadRequest* request) {
  const size_t left = context.size() - i - 1;
  if (left % 2 != 0) {
    return refuse(
        context, "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
  }
  request->keys_at = i + 1;
  request->keys = left / 2;
  return true;
}

bool only_for_groups(const CommandContext& context, const ReadRequest& request, std::string_view option) {
  if (request.groups) return true;
  return refuse(context, "ERR The " + std::string(option) +
                             " option is only supported by XREADGROUP. You called XREAD instead.");
}

// False: an error was replied.
bool read_options(const CommandContext& context, ReadRequest* request) {
  for (size_t i = 1; i < context.size() && request->keys_at == 0; ++i) {
    const std::string_view word = context.argument(i);
    const size_t more = context.size() - i - 1;
    bool good = true;
    if (more != 0 && is_word(word, "block")) {
      request->blocks = true;
      good = block_option(context, ++i, &request->timeout_ms);
    } else if (more != 0 && is_word(word, "count")) {
      good = count_option(context, ++i, &request->count);
    } else if (more != 0 && is_word(word, "streams")) {
      good = streams_option(context, i, request);
    } else if (more >= 2 && is_word(word, "group")) {
      good = only_for_groups(context, *request, "GROUP");
      request->group_given = true;
      request->group = context.argument(i + 1);
      request->consumer = context.argument(i + 2);
      i += 2;
    } else if (is_word(word, "noack")) {
      good = only_for_groups(context, *request, "NOACK");
      request->no_acknowledgement = true;
    } else {
      good = refuse(context, kSyntaxError);
    }
    if (!good) return false;
  }
  if (request->keys_at == 0) return refuse(context, kSyntaxError);
  if (request->groups && !request->group_given)
    return refuse(context, "ERR Missing GROUP option for XREADGROUP");
  return true;
}

// Where the client wants the stream read from. False: an error was replied.
bool start_of(const CommandContext& context, const ReadRequest& request, std::string_view text,
              const engine::Found& found, Source* source) {
  if (text == "$") {
    if (request.groups) {
      return refuse(
          context,
          "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of "
          "this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID "
          "would just return an empty result set.");
    }
    if (found) source->behind = StreamView(found.collection()).last_id();
    return true;
  }
  if (text == ">") {
    source->news = true;
    return request.groups ||
           refuse(context,
                  "ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
                  "<group> <consumer> option.");
  }
  const std::optional<StreamId> id = parse_id(text, 0, Edges::kRefused);
  if (!id.has_value()) {
    reply_invalid_id(context);
    return false;
  }
  source->behind = *id;
  // As Redis says ">" inside.
  source->news = request.groups && *id == engine::kGreatestStreamId;
  return true;
}

// Of who waits for a group: the key, or the group, is not what it was.
bool gone_while_waiting(CommandContext& context, const ReadRequest& request, const engine::Found& found) {
  if (!request.groups || !has_waited(context)) return false;
  if (!found || found.type() != Type::kStream) {
    context.reply.error("UNBLOCKED the stream key no longer exists");
    return true;
  }
  const engine::StreamGroupView group(StreamView(found.collection()), request.group);
  if (group.state().has_value()) return false;
  context.reply.error("NOGROUP the consumer group this client was blocked on no longer exists");
  return true;
}

// False: an error was replied.
bool sources_of(CommandContext& context, const ReadRequest& request, std::vector<Source>* sources) {
  const std::span<const std::string> resolved = last_arguments(context);
  for (size_t i = 0; i < request.keys; ++i) {
    Source source{context.key(request.keys_at + i), false, {}};
    engine::Found found = find_to_read(context, source.key);
    if (gone_while_waiting(context, request, found)) return false;
    if (found && found.type() != Type::kStream) {
      if (!has_waited(context)) return refuse(context, kWrongTypeError);
      found = {};
    }
    if (request.groups) {
      const bool there =
          found && engine::StreamGroupView(StreamView(found.collection()), request.group).state().has_value();
      if (!there) {
        return refuse(context, "NOGROUP No such key " + quoted(source.key.name) + " or consumer group " +
                                   quoted(request.group) + " in XREADGROUP with GROUP option");
      }
    }
    const std::string_view text = i < resolved.size() ? std::string_view(resolved[i])
                                                      : context.argument(request.keys_at + request.keys + i);
    if (!start_of(context, request, text, found, &source)) return false;
    sources->push_back(source);
  }
  return true;
}

// How many entries a reader without a group is shown, from *first on.
uint64_t readable(const StreamView& stream, const ReadRequest& request, StreamId behind, uint64_t* first) {
  const std::optional<StreamId> from = engine::next_of(behind);
  if (!from.has_value()) return 0;
  const uint64_t size = stream.size();
  *first = stream.count_below(*from);
  return *first >= size ? 0 : std::min(size - *first, request.count);
}

void begin_streams(CommandContext& context, size_t count) {
  if (context.reply.protocol() >= 3) return context.reply.map(count);
  context.reply.array(count);
}

void begin_stream(CommandContext& context, const engine::Key& key) {
  if (context.reply.protocol() < 3) context.reply.array(2);
  context.reply.bulk(key.name);
}

struct Readable {
  const Source* source;
  uint64_t first, count;
};

bool reply_entries(CommandContext& context, const ReadRequest& request, std::span<const Source> sources) {
  std::vector<Readable> found;
  for (const Source& source : sources) {
    const engine::Found record = context.database.find(source.key, engine::Touch::kNo);
    if (!record || record.type() != Type::kStream) continue;
    uint64_t first = 0;
    const uint64_t count = readable(StreamView(record.collection()), request, source.behind, &first);
    if (count != 0) found.push_back({&source, first, count});
  }
  if (found.empty()) return false;
  begin_streams(context, found.size());
  for (const auto& [source, first, count] : found) {
    begin_stream(context, source->key);
    context.reply.array(count);
    const engine::Found record = context.database.find(source->key, engine::Touch::kNo);
    StreamView(record.collection()).walk(first, count, [&](const StreamEntry& entry) {
      reply_entry(context.reply, entry);
      return true;
    });
  }
  return true;
}

// What the consumer was given before and has not acknowledged: it is given again.
std::vector<StreamId> give_history(const CommandContext& context, const ReadRequest& request,
                                   const Source& source, const engine::Stream& stream,
                                   StreamGroupChange& group) {
  std::vector<std::pair<StreamId, uint64_t>> mine;
  const std::optional<StreamId> from = engine::next_of(source.behind);
  if (from.has_value()) {
    group.view().walk_pending(*from, [&](StreamId id, const PendingEntry& pending) {
      if (pending.consumer == request.consumer) mine.emplace_back(id, pending.deliveries);
      return mine.size() < request.count;
    });
  }
  std::vector<StreamId> ids;
  for (const auto& [id, deliveries] : mine) {
    if (stream.view().contains(id))
      group.put_pending(id, {context.now_ms(), deliveries + 1, request.consumer});
    ids.push_back(id);
  }
  return ids;
}

std::vector<StreamId> give_news(const CommandContext& context, const ReadRequest& request,
                                StreamGroupChange& group) {
  std::vector<StreamId> ids = group.give(request.count);
  if (request.no_acknowledgement) return ids;
  for (const StreamId id : ids) group.put_pending(id, {context.now_ms(), 1, request.consumer});
  return ids;
}

void reply_given(CommandContext& context, const engine::Key& key, std::span<const StreamId> ids) {
  begin_stream(context, key);
  context.reply.array(ids.size());
  const engine::Stream stream(context.database, key);
  for (const StreamId id : ids) {
    if (const std::optional<StreamEntry> entry = stream.view().find(id); entry.has_value()) {
      reply_entry(context.reply, *entry);
    } else {
      context.reply.array(2);
      reply_id(context.reply, id);
      context.reply.null_array();
    }
  }
}

// One stream after the other, as a key may be there twice.
bool reply_to_consumer(CommandContext& context, const ReadRequest& request, std::span<const Source> sources) {
  std::vector<std::pair<const Source*, std::vector<StreamId>>> served;
  for (const Source& source : sources) {
    engine::Stream stream(context.database, source.key);
    StreamGroupChange group(stream, request.group);
    std::vector<StreamId> ids = source.news ? give_news(context, request, group)
                                            : give_history(context, request, source, stream, group);
    if (source.news && ids.empty()) continue;
    see_consumer(context, source.key, group, request.consumer, source.news);
    served.emplace_back(&source, std::move(ids));
  }
  if (served.empty()) return false;
  begin_streams(context, served.size());
  for (const auto& [source, ids] : served) reply_given(context, source->key, ids);
  return true;
}

// What the ids mean from now on.
std::vector<std::string> resolved_arguments(std::span<const Source> sources) {
  std::vector<std::string> texts;
  texts.reserve(sources.size());
  for (const Source& source : sources) texts.push_back(source.news ? ">" : to_string(source.behind));
  return texts;
}

void read(CommandContext& context, bool groups) {
  ReadRequest request;
  request.groups = groups;
  std::vector<Source> sources;
  if (!read_options(context, &request) || !sources_of(context, request, &sources)) return;
  if (request.blocks && has_waited(context) && request.count == UINT64_MAX) request.count = kMostWhenBlocking;
  if (groups ? reply_to_consumer(context, request, sources) : reply_entries(context, request, sources))
    return;
  if (!request.blocks || !wait_for(context, Type::kStream, positions_from(request.keys_at, request.keys),
                                   request.timeout_ms, resolved_arguments(sources)))
    context.reply.null_array();
}

}  // namespace

void xread(CommandContext& context) {
  read(context, false);
}

void xreadgroup(CommandContext& context) {
  read(context, true);
}

bool find_streams(Arguments arguments, std::vector<int>* positions) {
  const size_t streams_at = option_position(arguments, "STREAMS");
  if (streams_at == 0) return false;
  const size_t left = arguments.size() - streams_at - 1;
  if (left == 0 || left % 2 != 0) return false;
  for (size_t i = 0; i < left / 2; ++i) positions->push_back(static_cast<int>(streams_at + 1 + i));
  return true;
}

}  // namespace starling::server::streams
