// XADD, XTRIM, XDEL and XSETID.
#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/byte_codec.h"
#include "server/commands/arguments.h"
#include "server/commands/streams/handlers.h"
#include "server/commands/streams/ids.h"
#include "server/commands/streams/trim.h"

namespace starling::server::streams {
namespace {

using engine::Stream;
using engine::StreamId;
using engine::StreamView;
using engine::Type;

std::optional<StreamId> new_id(const engine::StreamIdGiver& giver, const AddOptions& options, StreamId last) {
  if (!options.id_given) return giver.next(last);
  if (!options.sequence_given) return giver.next_in(options.id.ms, last);
  return options.id > last ? std::optional(options.id) : std::nullopt;
}

std::string entry_of(const CommandContext& context, const AddOptions& options, size_t fields_at) {
  const bool by_client = options.id_given && options.sequence_given;
  std::string value = engine::begin_entry(by_client ? engine::IdGivenBy::kClient : engine::IdGivenBy::kNode);
  for (size_t i = fields_at; i < context.size(); ++i) engine::append_string(context.argument(i), &value);
  return value;
}

}  // namespace

void xadd(CommandContext& context) {
  AddOptions options;
  const size_t id_at = trim_options(context, true, &options);
  if (id_at == 0) return;
  const size_t left = context.size() - std::min(context.size(), id_at + 1);
  if (left < 2 || left % 2 == 1)
    return context.reply.error("ERR wrong number of arguments for 'xadd' command");
  if (options.id_given && options.sequence_given && options.id == StreamId{})
    return context.reply.error("ERR The ID specified in XADD must be greater than 0-0");
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kStream, &found)) return;
  if (!found && options.only_present) return context.reply.null();
  const StreamId last = found ? StreamView(found.collection()).last_id() : StreamId{};
  if (last == engine::kGreatestStreamId) {
    return context.reply.error("ERR The stream has exhausted the last possible ID, unable to add more items");
  }
  const bool created = !found;
  const engine::StreamIdGiver giver = id_giver(context, key);
  std::optional<StreamId> id = new_id(giver, options, last);
  if (!id.has_value()) {
    return context.reply.error(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item");
  }
  Stream stream(context.database, key);
  if (!created && stream.part_twins(giver)) id = new_id(giver, options, stream.view().last_id());
  if (!id.has_value()) {
    return context.reply.error(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item");
  }
  stream.add(*id, entry_of(context, options, id_at + 1));
  reply_id(context.reply, *id);
  notify_change(context, kNotifyStream, "xadd", key.name, created);
  const uint64_t trimmed = to_be_trimmed(stream.view(), options.trim);
  if (trimmed == 0) return;
  stream.trim(trimmed);
  context.notify(kNotifyStream, "xtrim", key.name);
}

void xtrim(CommandContext& context) {
  AddOptions options;
  if (trim_options(context, false, &options) == 0) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kStream, &found)) return;
  if (!found) return context.reply.integer(0);
  Stream stream(context.database, key);
  // Of two entries with one id the one that does not show would go, too.
  (void)stream.part_twins(id_giver(context, key));
  const uint64_t trimmed = to_be_trimmed(stream.view(), options.trim);
  if (trimmed != 0) {
    stream.trim(trimmed);
    context.notify(kNotifyStream, "xtrim", key.name);
  }
  context.reply.integer(static_cast<int64_t>(trimmed));
}

void xdel(CommandContext& context) {
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kStream, &found)) return;
  if (!found) return context.reply.integer(0);
  std::vector<StreamId> ids(context.size() - 2);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!id_argument(context, i + 2, &ids[i])) return;
  }
  Stream stream(context.database, key);
  (void)stream.part_twins(id_giver(context, key));
  const uint64_t removed = stream.remove(ids);
  if (removed != 0) context.notify(kNotifyStream, "xdel", key.name);
  context.reply.integer(static_cast<int64_t>(removed));
}

namespace {

struct SetIdOptions {
  StreamId last;
  std::optional<StreamId> max_deleted;
  std::optional<int64_t> added;
};

// False: an error was replied.
bool set_id_options(const CommandContext& context, SetIdOptions* options) {
  if (!id_argument(context, 2, &options->last)) return false;
  for (size_t i = 3; i < context.size(); i += 2) {
    const bool more = i + 1 < context.size();
    if (more && is_word(context.argument(i), "entriesadded")) {
      if (!integer_argument(context, i + 1, &options->added.emplace())) return false;
      if (*options->added >= 0) continue;
      context.reply.error("ERR entries_added must be positive");
      return false;
    }
    if (more && is_word(context.argument(i), "maxdeletedid")) {
      if (!id_argument(context, i + 1, &options->max_deleted.emplace())) return false;
      if (options->last >= *options->max_deleted) continue;
      context.reply.error("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
      return false;
    }
    context.reply.error(kSyntaxError);
    return false;
  }
  return true;
}

// Why the stream cannot have it; empty: it can.
std::string_view refusal_of(const SetIdOptions& options, const StreamView& stream) {
  const uint64_t size = stream.size();
  if (size != 0 && options.last < stream.last().id)
    return "ERR The ID specified in XSETID is smaller than the target stream top item";
  if (size != 0 && options.added.has_value() && *options.added < static_cast<int64_t>(size))
    return "ERR The entries_added specified in XSETID is smaller than the target stream length";
  if (options.last < stream.totals().max_deleted)
    return "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
  return {};
}

}  // namespace

void xsetid(CommandContext& context) {
  SetIdOptions options;
  if (!set_id_options(context, &options)) return;
  const engine::Key key = context.key(1);
  engine::Found found;
  if (!find_to_change(context, key, Type::kStream, &found)) return;
  if (!found) return context.reply.error(kNoSuchKeyError);
  Stream stream(context.database, key);
  if (const std::string_view refusal = refusal_of(options, stream.view()); !refusal.empty())
    return context.reply.error(refusal);
  engine::StreamTotals totals = stream.view().totals();
  totals.last = options.last;
  if (options.added.has_value()) totals.removed = engine::counted_on(*options.added, -stream.view().size());
  if (options.max_deleted.value_or(StreamId{}) != StreamId{}) totals.max_deleted = *options.max_deleted;
  stream.set_totals(totals);
  context.reply.ok();
  context.notify(kNotifyStream, "xsetid", key.name);
}

}  // namespace starling::server::streams
