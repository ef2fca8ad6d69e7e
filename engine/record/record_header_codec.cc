#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/assert.h"
#include "engine/record/record_codec.h"
#include "engine/record/record_parts.h"

namespace starling::engine {
namespace {

const ElementOrder::View kFirstApart = {static_cast<ElementKind>(kFirstStoredApart), ""};

}  // namespace

std::vector<Header::Collection> count_collections(const Record& record) {
  std::vector<Header::Collection> collections;
  for (const auto& [id, siblings] : record.elements()) {
    if (!is_stored_apart(id.kind)) continue;
    if (collections.empty() || collections.back().kind != id.kind) collections.push_back({id.kind, 0, {}});
    ++collections.back().count;
    collections.back().greatest = std::max(collections.back().greatest, siblings.back().dot);
  }
  return collections;
}

namespace {

// Whether the collections' kinds leave the type open, so that the greatest dots are written.
bool type_open(const Record& inlined, size_t collections) {
  if (collections > 1) return true;
  for (const auto& [id, siblings] : inlined.elements()) {
    if (!is_stored_apart(id.kind) && id.kind != ElementKind::kDeadline) return true;
  }
  return false;
}

// The forms of one actor without siblings. False when the header has none of them; then nothing was written.
bool encode_simple(const Record& record, const std::vector<Header::Collection>& collections,
                   std::string* out) {
  if (record.context().size() != 1 || record.context().floor() != 0) return false;
  const auto [actor, stamp] = record.context().entries()[0];
  const Elements& elements = record.elements();
  const auto apart = elements.lower_bound(kFirstApart);
  const auto inlined = std::distance(elements.begin(), apart);
  if (collections.empty()) {
    if (inlined != 1) return false;
    const auto& [id, siblings] = *elements.begin();
    const Sibling& sibling = siblings.front();
    if (id.kind != ElementKind::kValue || siblings.size() != 1 || sibling.tombstone ||
        sibling.dot.stamp != stamp) {
      return false;
    }
    if (sibling.counter()) {
      encode_simple_counter(actor, stamp, sibling.deadline_ms, sibling.value, out);
    } else {
      encode_simple_string(actor, stamp, sibling.deadline_ms, sibling.value, out);
    }
    return true;
  }
  const Type type = type_of(collections[0].kind);
  if (collections.size() != 1 || element_kind_of(type) != collections[0].kind) return false;
  int64_t deadline_ms = 0;
  Stamp deadline_stamp = 0;
  if (inlined > 1) return false;
  if (inlined == 1) {
    const auto& [id, siblings] = *elements.begin();
    if (id.kind != ElementKind::kDeadline || siblings.size() != 1) return false;
    deadline_ms = siblings.front().deadline_ms;
    deadline_stamp = siblings.front().dot.stamp;
  }
  encode_simple_header(type, actor, stamp, deadline_ms, collections[0].count, out, deadline_stamp);
  return true;
}

void append_siblings_of(const Record& record, ElementKind kind, std::string* out) {
  const auto place = record.elements().find(ElementOrder::View{kind, ""});
  static const Siblings kNothing;
  append_siblings(place == record.elements().end() ? kNothing : place->second, out);
}

void append_header(const Record& record, const std::vector<Header::Collection>& collections,
                   std::string* out) {
  STARLING_ASSERT(!record.context().empty());
  if (encode_simple(record, collections, out)) return;
  out->push_back(static_cast<char>(Form::kHeader));
  append_context(record.context(), out);
  append_siblings_of(record, ElementKind::kValue, out);
  append_siblings_of(record, ElementKind::kDeadline, out);
  out->push_back(0);
  append_varint(collections.size(), out);
  const bool with_dots = type_open(record, collections.size());
  for (const auto& collection : collections) {
    out->push_back(static_cast<char>(collection.kind));
    append_varint(collection.count, out);
    if (!with_dots) continue;
    append_u64(collection.greatest.actor, out);
    append_u64(collection.greatest.stamp, out);
  }
}

bool read_simple_string(ByteReader* reader, Header* header) {
  ActorId actor;
  Sibling sibling;
  std::string_view value;
  if (decode_simple_counter(reader->rest(), &actor, &sibling.dot.stamp, &sibling.deadline_ms, &value)) {
    sibling.join = Join::kSum;
  } else if (!decode_simple_string(reader->rest(), &actor, &sibling.dot.stamp, &sibling.deadline_ms,
                                   &value)) {
    return false;
  }
  *reader = ByteReader({});
  sibling.dot.actor = actor;
  sibling.value = value;
  RecordAssembly assembly(VersionVector{sibling.dot});
  if (!assembly.add(ElementKind::kValue, "", {std::move(sibling)})) return false;
  header->record = assembly.take();
  return true;
}

bool read_simple_collection(ByteReader* reader, Header* header) {
  Type type;
  Dot dot;
  Sibling deadline;
  uint64_t count;
  if (!read_simple_header(reader, &type, &dot.actor, &dot.stamp, &deadline.deadline_ms, &count,
                          &deadline.dot.stamp)) {
    return false;
  }
  deadline.dot.actor = dot.actor;
  RecordAssembly assembly(VersionVector{dot});
  if (deadline.deadline_ms != 0 && !assembly.add(ElementKind::kDeadline, "", {std::move(deadline)}))
    return false;
  header->record = assembly.take();
  header->collections = {{element_kind_of(type), count, {}}};
  return true;
}

bool read_collections(ByteReader* reader, Header* header) {
  uint64_t collections;
  if (!reader->read_varint(&collections) || collections > reader->left() / 2) return false;
  const bool with_dots = type_open(header->record, collections);
  int previous = -1;
  for (uint64_t i = 0; i < collections; ++i) {
    uint8_t kind;
    Header::Collection collection;
    if (!reader->read_byte(&kind) || !reader->read_varint(&collection.count)) return false;
    if (!is_element_kind(kind) || kind < kFirstStoredApart || kind <= previous || collection.count == 0)
      return false;
    if (with_dots &&
        (!reader->read_u64(&collection.greatest.actor) || !reader->read_u64(&collection.greatest.stamp) ||
         !header->record.context().covers(collection.greatest) || collection.greatest.actor == 0 ||
         collection.greatest.stamp == 0)) {
      return false;
    }
    collection.kind = static_cast<ElementKind>(kind);
    header->collections.push_back(collection);
    previous = kind;
  }
  return true;
}

bool read_full_header(ByteReader* reader, Header* header) {
  uint8_t form;
  VersionVector context;
  Siblings values, deadlines;
  if (!reader->read_byte(&form) || !read_context(reader, &context) || context.empty()) return false;
  RecordAssembly assembly(std::move(context));
  if (!read_siblings(reader, &values) || !read_siblings(reader, &deadlines)) return false;
  if (!values.empty() && !assembly.add(ElementKind::kValue, "", std::move(values))) return false;
  if (!deadlines.empty() && !assembly.add(ElementKind::kDeadline, "", std::move(deadlines))) return false;
  uint8_t zero;
  if (!reader->read_byte(&zero) || zero != 0) return false;
  header->record = assembly.take();
  if (!read_collections(reader, header)) return false;
  // What a simple form could say must be said by it.
  std::string simple;
  return !encode_simple(header->record, header->collections, &simple);
}

}  // namespace

Status read_header(ByteReader* reader, Header* header) {
  if (Status status = check_format(reader->rest()); !status.ok()) return status;
  header->collections.clear();
  bool good = false;
  switch (static_cast<Form>(reader->rest()[0])) {
    case Form::kSimpleString:
    case Form::kSimpleStringWithDeadline:
    case Form::kSimpleCounter:
    case Form::kSimpleCounterWithDeadline:
      good = read_simple_string(reader, header);
      break;
    case Form::kSimpleHeader:
    case Form::kSimpleHeaderWithDeadline:
      good = read_simple_collection(reader, header);
      break;
    case Form::kHeader:
      good = read_full_header(reader, header);
      break;
    default:
      break;
  }
  return good ? Status() : corrupt("record header");
}

uint64_t Header::stored_apart() const {
  uint64_t total = 0;
  for (const auto& collection : collections) {
    if (__builtin_add_overflow(total, collection.count, &total)) return UINT64_MAX;
  }
  return total;
}

void encode_header(const Record& record, std::string* out) {
  append_header(record, count_collections(record), out);
}

void encode_header(const Header& header, std::string* out) {
  append_header(header.record, header.collections, out);
}

Status decode_header(std::string_view bytes, Header* header) {
  ByteReader reader(bytes);
  if (Status status = read_header(&reader, header); !status.ok()) return status;
  return reader.left() == 0 ? Status() : corrupt("record header: bytes behind its end");
}

}  // namespace starling::engine
