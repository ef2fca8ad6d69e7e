#include "server/rdb/stream_payload.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/types/stream/stream_group.h"
#include "resp/number.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_compact.h"

namespace starling::server {
namespace {

using engine::PendingEntry;
using engine::StreamConsumer;
using engine::StreamEntry;
using engine::StreamFields;
using engine::StreamGroupView;
using engine::StreamId;
using engine::StreamMaker;
using engine::StreamPart;
using engine::StreamView;

enum TypeByte : uint8_t {
  kListpacks = 15,
  kListpacks2 = 19,
  kListpacks3 = 21,
};
enum EntryFlag : int64_t { kDeleted = 1, kSameFields = 2 };

constexpr size_t kIdBytes = 16, kTimeBytes = 8;
// Nodes as Redis makes them by default.
constexpr size_t kNodeEntries = 100, kNodeBytes = 4096;
// What stands for the node that made what a payload says.
constexpr engine::ActorId kNobody = 0;

StreamId id_of(std::string_view bytes) {
  return {engine::load_big_endian<8>(bytes.data()), engine::load_big_endian<8>(bytes.data() + 8)};
}

bool read_id(RdbReader& reader, StreamId* id) {
  return reader.number(&id->ms) && reader.number(&id->seq);
}

// -1: never.
bool read_time(RdbReader& reader, int64_t* time_ms) {
  std::string_view bytes;
  if (!reader.take(kTimeBytes, &bytes)) return false;
  *time_ms = static_cast<int64_t>(little_endian(bytes));
  return *time_ms >= -1;
}

// --- Reading

// Takes the parts of a node one after the other.
class NodeParts {
 public:
  explicit NodeParts(std::span<const std::string_view> parts) : left_(parts) {}
  bool empty() const { return left_.empty(); }
  size_t left() const { return left_.size(); }
  bool text(std::string_view* value) {
    if (left_.empty()) return false;
    *value = left_.front();
    left_ = left_.subspan(1);
    return true;
  }
  bool integer(int64_t* value) {
    std::string_view part;
    return text(&part) && resp::parse_integer(part, value);
  }
  // A number of fields of which so many parts must follow each.
  bool count(size_t parts_each, size_t* value) {
    int64_t number = 0;
    if (!integer(&number) || number < 0 || static_cast<uint64_t>(number) > left_.size() / parts_each)
      return false;
    *value = static_cast<size_t>(number);
    return true;
  }

 private:
  std::span<const std::string_view> left_;
};

// What a payload's nodes say once and their entries repeat: so many times the payload's bytes at most.
constexpr uint64_t kMostRepeated = 100;

bool read_entry(NodeParts& parts, StreamId base, std::span<const std::string_view> fields, StreamMaker* maker,
                uint64_t* entries, uint64_t* repeatable_bytes) {
  int64_t flags = 0, ms = 0, seq = 0, size = 0;
  if (!parts.integer(&flags) || !parts.integer(&ms) || !parts.integer(&seq)) return false;
  const bool same_fields = (flags & kSameFields) != 0;
  size_t count = fields.size();
  if (!same_fields && !parts.count(2, &count)) return false;
  const size_t before = parts.left();
  std::string value = engine::begin_entry(engine::IdGivenBy::kClient);
  for (size_t i = 0; i < count; ++i) {
    std::string_view field = same_fields ? fields[i] : std::string_view(), text;
    if (field.size() > *repeatable_bytes) return false;
    *repeatable_bytes -= field.size();
    if (!same_fields && !parts.text(&field)) return false;
    if (!parts.text(&text)) return false;
    engine::append_string(field, &value);
    engine::append_string(text, &value);
  }
  const size_t own = before - parts.left() + 3 + (same_fields ? 0 : 1);
  if (!parts.integer(&size) || size != static_cast<int64_t>(own) || count == 0) return false;
  if ((flags & kDeleted) != 0) return true;
  ++*entries;
  const StreamId id{base.ms + static_cast<uint64_t>(ms), base.seq + static_cast<uint64_t>(seq)};
  return id != StreamId{} && maker->put(engine::entry_name(id), value);
}

bool read_node(RdbReader& reader, StreamMaker* maker, uint64_t* entries, uint64_t* repeatable_bytes) {
  RdbStrings strings;
  std::string_view key, listpack;
  if (!reader.string(&strings, &key) || key.size() != kIdBytes || !reader.string(&strings, &listpack) ||
      !read_listpack(listpack, &strings))
    return false;
  NodeParts parts(strings.all);
  int64_t there = 0, deleted = 0, end = 0;
  size_t count = 0;
  if (!parts.integer(&there) || !parts.integer(&deleted) || !parts.count(1, &count)) return false;
  std::vector<std::string_view> fields(count);
  for (std::string_view& field : fields) {
    if (!parts.text(&field)) return false;
  }
  if (!parts.integer(&end) || end != 0) return false;
  const uint64_t before = *entries;
  while (!parts.empty()) {
    if (!read_entry(parts, id_of(key), fields, maker, entries, repeatable_bytes)) return false;
  }
  return there >= 0 && *entries - before == static_cast<uint64_t>(there);
}

bool read_pending(RdbReader& reader, std::map<StreamId, PendingEntry>* pending) {
  size_t count = 0;
  if (!reader.length(&count)) return false;
  for (size_t i = 0; i < count; ++i) {
    std::string_view id;
    PendingEntry entry;
    if (!reader.take(kIdBytes, &id) || !read_time(reader, &entry.delivered_ms) ||
        !reader.number(&entry.deliveries) || !pending->emplace(id_of(id), entry).second)
      return false;
  }
  return true;
}

bool read_consumer(uint8_t type, RdbReader& reader, std::string_view group,
                   std::map<StreamId, PendingEntry>* pending, StreamMaker* maker) {
  RdbStrings strings;
  std::string_view name;
  StreamConsumer consumer;
  size_t count = 0;
  if (!reader.string(&strings, &name) || !read_time(reader, &consumer.seen_ms)) return false;
  if (type == kListpacks3 && !read_time(reader, &consumer.active_ms)) return false;
  if (!reader.length(&count) ||
      !maker->put(engine::group_part_name(StreamPart::kConsumer, group, name), engine::encode(consumer)))
    return false;
  for (size_t i = 0; i < count; ++i) {
    std::string_view id;
    if (!reader.take(kIdBytes, &id)) return false;
    // Each is one of the group's, and of one consumer.
    const auto entry = pending->find(id_of(id));
    if (entry == pending->end()) return false;
    entry->second.consumer = name;
    const std::string part =
        engine::group_part_name(StreamPart::kPending, group, engine::id_bytes(entry->first));
    if (!maker->put(part, engine::encode(entry->second))) return false;
    pending->erase(entry);
  }
  return true;
}

bool read_group(uint8_t type, RdbReader& reader, StreamMaker* maker) {
  RdbStrings strings;
  std::string_view name;
  engine::StreamGroup group;
  uint64_t read = static_cast<uint64_t>(engine::kUnknownCount);
  if (!reader.string(&strings, &name) || !read_id(reader, &group.first)) return false;
  if (type != kListpacks && !reader.number(&read)) return false;
  group.entries_read = static_cast<int64_t>(read);
  if (!maker->put(engine::group_part_name(StreamPart::kGroup, name), engine::encode(group))) return false;
  std::map<StreamId, PendingEntry> pending;
  size_t consumers = 0;
  if (!read_pending(reader, &pending) || !reader.length(&consumers)) return false;
  for (size_t i = 0; i < consumers; ++i) {
    if (!read_consumer(type, reader, name, &pending, maker)) return false;
  }
  return pending.empty();
}

bool read_parts(uint8_t type, RdbReader& reader, StreamMaker* maker) {
  size_t nodes = 0, groups = 0;
  uint64_t entries = 0, size = 0, added = 0;
  StreamId first;
  engine::StreamTotals totals;
  uint64_t repeatable_bytes = kMostRepeated * reader.left();
  if (!reader.length(&nodes)) return false;
  for (size_t i = 0; i < nodes; ++i) {
    if (!read_node(reader, maker, &entries, &repeatable_bytes)) return false;
  }
  if (!reader.number(&size) || size != entries || !read_id(reader, &totals.last)) return false;
  added = size;
  if (type != kListpacks &&
      (!read_id(reader, &first) || !read_id(reader, &totals.max_deleted) || !reader.number(&added)))
    return false;
  totals.removed = static_cast<int64_t>(added - size);
  if (!maker->put(engine::totals_name(kNobody), engine::encode(totals)) || !reader.length(&groups))
    return false;
  for (size_t i = 0; i < groups; ++i) {
    if (!read_group(type, reader, maker)) return false;
  }
  return reader.left() == 0;
}

// --- Writing

using Texts = std::vector<std::string>;

void append_id(StreamId id, std::string* out) {
  append_rdb_length(id.ms, out);
  append_rdb_length(id.seq, out);
}

class NodeWriter {
 public:
  explicit NodeWriter(const StreamEntry& first) : base_(first.id) {
    for (StreamFields fields = first.fields(); !fields.empty();) {
      fields_.emplace_back(fields.next());
      fields.next();
    }
  }
  bool fits(const StreamEntry& entry) const {
    return entries_ == 0 || (entries_ < kNodeEntries && bytes_ + entry.value.size() <= kNodeBytes);
  }
  void add(const StreamEntry& entry) {
    const bool same = has_same_fields(entry);
    const size_t before = parts_.size();
    integer(same ? int64_t{kSameFields} : 0);
    integer(static_cast<int64_t>(entry.id.ms - base_.ms));
    integer(static_cast<int64_t>(entry.id.seq - base_.seq));
    if (!same) integer(static_cast<int64_t>(entry.fields().count() / 2));
    for (StreamFields fields = entry.fields(); !fields.empty();) {
      const std::string_view field = fields.next();
      if (!same) parts_.emplace_back(field);
      parts_.emplace_back(fields.next());
    }
    integer(static_cast<int64_t>(parts_.size() - before));
    bytes_ += entry.value.size();
    ++entries_;
  }
  void append_to(std::string* out) const {
    append_rdb_string(engine::id_bytes(base_), out);
    Texts head = {std::to_string(entries_), "0", std::to_string(fields_.size())};
    head.insert(head.end(), fields_.begin(), fields_.end());
    head.emplace_back("0");
    std::vector<std::string_view> all(head.begin(), head.end());
    all.insert(all.end(), parts_.begin(), parts_.end());
    std::string listpack;
    append_listpack(all, &listpack);
    append_rdb_string(listpack, out);
  }

 private:
  void integer(int64_t value) { parts_.push_back(std::to_string(value)); }
  bool has_same_fields(const StreamEntry& entry) const {
    size_t i = 0;
    for (StreamFields fields = entry.fields(); !fields.empty(); ++i) {
      if (i == fields_.size() || fields.next() != fields_[i]) return false;
      fields.next();
    }
    return i == fields_.size();
  }

  const StreamId base_;
  Texts fields_;
  Texts parts_;
  size_t entries_ = 0, bytes_ = 0;
};

void append_nodes(const StreamView& stream, std::string* out) {
  std::string nodes;
  uint64_t count = 0;
  std::optional<NodeWriter> node;
  const auto finish = [&] {
    if (!node.has_value()) return;
    node->append_to(&nodes);
    node.reset();
    ++count;
  };
  stream.walk(0, stream.size(), [&](const StreamEntry& entry) {
    if (node.has_value() && !node->fits(entry)) finish();
    if (!node.has_value()) node.emplace(entry);
    node->add(entry);
    return true;
  });
  finish();
  append_rdb_length(count, out);
  *out += nodes;
}

void append_group(const StreamView& stream, std::string_view name, std::string* out) {
  const StreamGroupView group(stream, name);
  const std::optional<engine::GroupState> state = group.state();
  append_rdb_string(name, out);
  append_id(state->last(), out);
  append_rdb_length(static_cast<uint64_t>(state->entries_read), out);
  // What is pending for a consumer that another node removed has it come back.
  std::map<std::string_view, std::pair<StreamConsumer, std::vector<StreamId>>> consumers;
  group.walk_consumers([&](std::string_view consumer, const StreamConsumer& seen) {
    consumers[consumer].first = seen;
    return true;
  });
  append_rdb_length(group.all_pending(), out);
  group.walk_pending({}, [&](StreamId id, const PendingEntry& pending) {
    consumers[pending.consumer].second.push_back(id);
    *out += engine::id_bytes(id);
    append_little_endian(static_cast<uint64_t>(pending.delivered_ms), kTimeBytes, out);
    append_rdb_length(pending.deliveries, out);
    return true;
  });
  append_rdb_length(consumers.size(), out);
  for (const auto& [consumer, what] : consumers) {
    append_rdb_string(consumer, out);
    append_little_endian(static_cast<uint64_t>(what.first.seen_ms), kTimeBytes, out);
    append_rdb_length(what.second.size(), out);
    for (const StreamId id : what.second) *out += engine::id_bytes(id);
  }
}

}  // namespace

bool is_stream_type(uint8_t type) {
  return type == kListpacks || type == kListpacks2 || type == kListpacks3;
}

std::unique_ptr<engine::Collection> read_stream(uint8_t type, RdbReader& reader) {
  StreamMaker maker;
  return read_parts(type, reader, &maker) ? maker.take() : nullptr;
}

void append_stream(const engine::Collection& parts, std::string* out) {
  const StreamView stream(parts);
  const engine::StreamTotals totals = stream.totals();
  out->push_back(static_cast<char>(kListpacks2));
  append_nodes(stream, out);
  append_rdb_length(stream.size(), out);
  append_id(totals.last, out);
  append_id(stream.size() == 0 ? StreamId{} : stream.first().id, out);
  append_id(totals.max_deleted, out);
  append_rdb_length(static_cast<uint64_t>(stream.entries_added()), out);
  append_rdb_length(engine::count_groups(stream), out);
  engine::walk_groups(stream, [&](std::string_view name) {
    append_group(stream, name, out);
    return true;
  });
}

}  // namespace starling::server
