#include "server/commands/streams/ids.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "resp/number.h"
#include "server/cluster/cluster_thread.h"
#include "server/commands/arguments.h"
#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server::streams {
namespace {

using engine::StreamId;

constexpr size_t kMaxIdBytes = 127;

// As Redis reads it: a number that is none of its integers is one of the C library's.
bool parse_part(std::string_view text, uint64_t* value) {
  int64_t integer = 0;
  if (resp::parse_integer(text, &integer)) {
    *value = static_cast<uint64_t>(integer);
    return integer >= 0;
  }
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  *value = std::strtoull(terminated.c_str(), &end, 10);
  return errno == 0 && !terminated.empty() && *end == '\0';
}

std::optional<StreamId> parse(std::string_view text, uint64_t sequence, Edges edges, bool* sequence_given) {
  if (text.size() > kMaxIdBytes) return std::nullopt;
  text = text.substr(0, text.find('\0'));
  if (text == "-" || text == "+") {
    if (edges == Edges::kRefused) return std::nullopt;
    return text == "-" ? StreamId{} : engine::kGreatestStreamId;
  }
  StreamId id{0, sequence};
  const size_t dash = text.find('-');
  if (!parse_part(text.substr(0, dash), &id.ms)) return std::nullopt;
  if (dash == std::string_view::npos) return id;
  const std::string_view behind = text.substr(dash + 1);
  if (sequence_given != nullptr && behind == "*") {
    *sequence_given = false;
    id.seq = 0;
    return id;
  }
  if (!parse_part(behind, &id.seq)) return std::nullopt;
  return id;
}

// Of an interval's bound: whether it is excluded.
bool bound(const CommandContext& context, size_t i, uint64_t sequence, StreamId* id, bool* excluded) {
  std::string_view text = context.argument(i);
  *excluded = text.size() > 1 && text[0] == '(';
  if (*excluded) text.remove_prefix(1);
  const std::optional<StreamId> parsed =
      parse_id(text, sequence, *excluded ? Edges::kRefused : Edges::kMeant);
  if (!parsed.has_value()) {
    reply_invalid_id(context);
    return false;
  }
  *id = *parsed;
  return true;
}

bool step(const CommandContext& context, std::optional<StreamId> next, std::string_view error, StreamId* id) {
  if (!next.has_value()) {
    context.reply.error(error);
    return false;
  }
  *id = *next;
  return true;
}

}  // namespace

std::optional<StreamId> parse_id(std::string_view text, uint64_t sequence, Edges edges) {
  return parse(text, sequence, edges, nullptr);
}

std::optional<StreamId> parse_new_id(std::string_view text, bool* sequence_given) {
  *sequence_given = true;
  return parse(text, 0, Edges::kRefused, sequence_given);
}

void reply_invalid_id(const CommandContext& context) {
  context.reply.error("ERR Invalid stream ID specified as stream command argument");
}

bool id_argument(const CommandContext& context, size_t i, StreamId* id, Edges edges) {
  const std::optional<StreamId> parsed = parse_id(context.argument(i), 0, edges);
  if (!parsed.has_value()) {
    reply_invalid_id(context);
    return false;
  }
  *id = *parsed;
  return true;
}

bool start_argument(const CommandContext& context, size_t start_at, StreamId* id) {
  bool excluded = false;
  if (!bound(context, start_at, 0, id, &excluded)) return false;
  return !excluded || step(context, engine::next_of(*id), "ERR invalid start ID for the interval", id);
}

bool end_argument(const CommandContext& context, size_t end_at, StreamId* id) {
  bool excluded = false;
  if (!bound(context, end_at, UINT64_MAX, id, &excluded)) return false;
  return !excluded || step(context, engine::previous_of(*id), "ERR invalid end ID for the interval", id);
}

std::string to_string(StreamId id) {
  return std::to_string(id.ms) + "-" + std::to_string(id.seq);
}

void reply_id(resp::ReplyWriter& reply, StreamId id) {
  char text[2 * resp::kIntegerTextBytes + 1];
  char* end = std::to_chars(text, text + resp::kIntegerTextBytes, id.ms).ptr;
  *end++ = '-';
  end = std::to_chars(end, end + resp::kIntegerTextBytes, id.seq).ptr;
  reply.bulk({text, static_cast<size_t>(end - text)});
}

void reply_entry(resp::ReplyWriter& reply, const engine::StreamEntry& entry) {
  reply.array(2);
  reply_id(reply, entry.id);
  engine::StreamFields fields = entry.fields();
  reply.array(fields.count());
  while (!fields.empty()) reply.bulk(fields.next());
}

engine::StreamIdGiver id_giver(const CommandContext& context, const engine::Key& key) {
  engine::StreamIdGiver giver;
  giver.now_ms = context.now_ms();
  const ClusterThread* cluster = context.client.io_thread().cluster();
  if (cluster == nullptr || cluster->placement() == nullptr) return giver;
  const cluster::Placement& placement = *cluster->placement();
  giver.alone = false;
  if (placement.replicas(key.partition).front() == placement.self) return giver;
  // Of the node's own number, which it has for life: two that have the same are as rare as 31 bits allow, and told
  // apart when their entries meet (Stream::part_twins()).
  const auto& bytes = placement.id_of(placement.self).bytes;
  const uint32_t number =
      uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
  giver.block = (number >> 1) + 1;
  return giver;
}

}  // namespace starling::server::streams
