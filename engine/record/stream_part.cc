#include "engine/record/stream_part.h"

#include <utility>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "engine/record/record_parts.h"

namespace starling::engine {
namespace {

constexpr size_t kIdBytes = 16, kActorBytes = 8;
enum ReachForm : uint8_t { kByAnybody = 0, kSeen = 1 };

void append_id(StreamId id, std::string* out) {
  append_big_endian<8>(id.ms, out);
  append_big_endian<8>(id.seq, out);
}

StreamId load_id(const char* bytes) {
  return {load_big_endian<8>(bytes), load_big_endian<8>(bytes + 8)};
}

bool read_id(ByteReader* reader, StreamId* id) {
  uint64_t ms, seq;
  if (!reader->read_u64(&ms) || !reader->read_u64(&seq)) return false;
  *id = {__builtin_bswap64(ms), __builtin_bswap64(seq)};
  return true;
}

void append_integer(int64_t value, std::string* out) {
  append_u64(static_cast<uint64_t>(value), out);
}

bool read_integer(ByteReader* reader, int64_t* value) {
  uint64_t bits;
  if (!reader->read_u64(&bits)) return false;
  *value = static_cast<int64_t>(bits);
  return true;
}

void append_dot(const Dot& dot, std::string* out) {
  append_u64(dot.stamp, out);
  append_u64(dot.actor, out);
}

bool read_dot(ByteReader* reader, Dot* dot) {
  return reader->read_u64(&dot->stamp) && reader->read_u64(&dot->actor);
}

std::string_view string_at_front(std::string_view bytes, std::string_view* rest) {
  ByteReader reader(bytes);
  std::string_view text;
  const bool good = reader.read_string(&text);
  STARLING_ASSERT(good);
  *rest = reader.rest();
  return text;
}

bool is_entry_value(std::string_view value) {
  ByteReader reader(value);
  uint8_t form;
  if (!reader.read_byte(&form) || form > static_cast<uint8_t>(IdGivenBy::kNode)) return false;
  size_t strings = 0;
  for (std::string_view text; reader.left() != 0; ++strings) {
    if (!reader.read_string(&text)) return false;
  }
  return strings != 0 && strings % 2 == 0;
}

template <typename T>
bool is_one(std::string_view value) {
  T decoded;
  return decode(value, &decoded);
}

}  // namespace

std::optional<StreamId> next_of(StreamId id) {
  if (id == kGreatestStreamId) return std::nullopt;
  return id.seq == UINT64_MAX ? StreamId{id.ms + 1, 0} : StreamId{id.ms, id.seq + 1};
}

std::optional<StreamId> previous_of(StreamId id) {
  if (id == StreamId{}) return std::nullopt;
  return id.seq == 0 ? StreamId{id.ms - 1, UINT64_MAX} : StreamId{id.ms, id.seq - 1};
}

StreamId id_in(std::string_view name) {
  return load_id(name.data() + name.size() - kIdBytes);
}

std::string_view group_in(std::string_view name) {
  std::string_view rest;
  return string_at_front(name.substr(1), &rest);
}

std::string_view behind_group(std::string_view name) {
  std::string_view rest;
  string_at_front(name.substr(1), &rest);
  return rest;
}

std::string entry_name(StreamId id) {
  std::string name(1, static_cast<char>(StreamPart::kEntry));
  append_id(id, &name);
  return name;
}

std::string totals_name(ActorId actor) {
  return static_cast<char>(StreamPart::kTotals) + actor_bytes(actor);
}

std::string group_part_name(StreamPart part, std::string_view group, std::string_view behind) {
  std::string name(1, static_cast<char>(part));
  append_string(group, &name);
  name.append(behind);
  return name;
}

std::string actor_bytes(ActorId actor) {
  std::string bytes;
  append_u64(actor, &bytes);
  return bytes;
}

std::string id_bytes(StreamId id) {
  std::string bytes;
  append_id(id, &bytes);
  return bytes;
}

std::string_view StreamFields::next() {
  return string_at_front(left_, &left_);
}

uint64_t StreamFields::count() const {
  uint64_t strings = 0;
  for (StreamFields rest = *this; !rest.empty(); ++strings) rest.next();
  return strings;
}

std::string begin_entry(IdGivenBy given_by) {
  return std::string(1, static_cast<char>(given_by));
}

std::string encode(const StreamTotals& totals) {
  std::string value;
  append_id(totals.last, &value);
  append_id(totals.max_deleted, &value);
  append_integer(totals.removed, &value);
  return value;
}

std::string encode(const StreamGroup& group) {
  std::string value;
  append_dot(group.epoch, &value);
  append_id(group.first, &value);
  append_integer(group.entries_read, &value);
  return value;
}

std::string encode(const StreamCursor& cursor) {
  std::string value;
  append_dot(cursor.epoch, &value);
  append_integer(cursor.entries_read, &value);
  for (const StreamReach& reach : cursor.reaches) {
    append_id(reach.id, &value);
    value.push_back(reach.seen.has_value() ? kSeen : kByAnybody);
    if (reach.seen.has_value()) append_context(*reach.seen, &value);
  }
  return value;
}

std::string encode(const StreamConsumer& consumer) {
  std::string value;
  append_integer(consumer.seen_ms, &value);
  append_integer(consumer.active_ms, &value);
  return value;
}

std::string encode(const PendingEntry& pending) {
  std::string value;
  append_integer(pending.delivered_ms, &value);
  append_varint(pending.deliveries, &value);
  value.append(pending.consumer);
  return value;
}

bool decode(std::string_view value, StreamTotals* totals) {
  ByteReader reader(value);
  return read_id(&reader, &totals->last) && read_id(&reader, &totals->max_deleted) &&
         read_integer(&reader, &totals->removed) && reader.left() == 0;
}

bool decode(std::string_view value, StreamGroup* group) {
  ByteReader reader(value);
  return read_dot(&reader, &group->epoch) && read_id(&reader, &group->first) &&
         read_integer(&reader, &group->entries_read) && reader.left() == 0;
}

bool decode(std::string_view value, StreamCursor* cursor) {
  ByteReader reader(value);
  if (!read_dot(&reader, &cursor->epoch) || !read_integer(&reader, &cursor->entries_read)) return false;
  cursor->reaches.clear();
  while (reader.left() != 0) {
    StreamReach reach;
    uint8_t form;
    if (!read_id(&reader, &reach.id) || !reader.read_byte(&form) || form > kSeen) return false;
    if (form == kSeen && !read_context(&reader, &reach.seen.emplace())) return false;
    cursor->reaches.push_back(std::move(reach));
  }
  return true;
}

bool decode(std::string_view value, StreamConsumer* consumer) {
  ByteReader reader(value);
  return read_integer(&reader, &consumer->seen_ms) && read_integer(&reader, &consumer->active_ms) &&
         reader.left() == 0;
}

bool decode(std::string_view value, PendingEntry* pending) {
  ByteReader reader(value);
  if (!read_integer(&reader, &pending->delivered_ms) || !reader.read_varint(&pending->deliveries))
    return false;
  pending->consumer = reader.rest();
  return true;
}

bool is_stream_part(std::string_view name) {
  ByteReader reader(name);
  uint8_t part;
  if (!reader.read_byte(&part)) return false;
  if (part == static_cast<uint8_t>(StreamPart::kEntry)) return reader.left() == kIdBytes;
  if (part == static_cast<uint8_t>(StreamPart::kTotals)) return reader.left() == kActorBytes;
  std::string_view group;
  if (!reader.read_string(&group)) return false;
  switch (static_cast<StreamPart>(part)) {
    case StreamPart::kGroup:
      return reader.left() == 0;
    case StreamPart::kCursor:
      return reader.left() == kActorBytes;
    case StreamPart::kConsumer:
      return true;
    case StreamPart::kPending:
      return reader.left() == kIdBytes;
    default:
      return false;
  }
}

bool is_stream_part_value(std::string_view name, std::string_view value) {
  switch (part_of(name)) {
    case StreamPart::kEntry:
      return is_entry_value(value);
    case StreamPart::kTotals:
      return is_one<StreamTotals>(value);
    case StreamPart::kGroup:
      return is_one<StreamGroup>(value);
    case StreamPart::kCursor:
      return is_one<StreamCursor>(value);
    case StreamPart::kConsumer:
      return is_one<StreamConsumer>(value);
    case StreamPart::kPending:
      return is_one<PendingEntry>(value);
  }
  return false;
}

}  // namespace starling::engine
