#include "engine/record/record_codec.h"

#include <utility>

#include "engine/base/assert.h"
#include "engine/record/record_parts.h"

namespace starling::engine {
namespace {

constexpr uint8_t kNoneSuperseded = 0;
constexpr uint8_t kBaseSuperseded = 1;
constexpr uint8_t kOtherSuperseded = 2;

// An element's place behind its predecessor in order.
bool read_element_id(ByteReader* reader, const ElementId* previous, ElementId* id) {
  uint8_t kind;
  std::string_view name;
  if (!reader->read_byte(&kind) || !is_element_kind(kind) || !reader->read_string(&name)) return false;
  *id = {static_cast<ElementKind>(kind), std::string(name)};
  return previous == nullptr || *previous < *id;
}

Status read_elements(ByteReader* reader, Header* header, Record* record) {
  RecordAssembly assembly(std::move(header->record));
  std::optional<ElementId> previous;
  for (uint64_t left = header->stored_apart(); left > 0; --left) {
    ElementId id;
    std::string_view value;
    Siblings siblings;
    if (!read_element_id(reader, previous ? &*previous : nullptr, &id) || !is_stored_apart(id.kind) ||
        !reader->read_string(&value)) {
      return corrupt("record: element");
    }
    if (Status status = decode_element(id.kind, value, &siblings); !status.ok()) return status;
    if (!assembly.add(id.kind, id.name, std::move(siblings))) return corrupt("record: element");
    previous = std::move(id);
  }
  *record = assembly.take();
  return reader->left() == 0 ? Status() : corrupt("record: bytes behind its end");
}

// Whether the header counted what was there. Left-out dots are not compared.
bool agree(const std::vector<Header::Collection>& said, const std::vector<Header::Collection>& found) {
  if (said.size() != found.size()) return false;
  for (size_t i = 0; i < said.size(); ++i) {
    if (said[i].kind != found[i].kind || said[i].count != found[i].count) return false;
    if (said[i].greatest != Dot() && said[i].greatest != found[i].greatest) return false;
  }
  return true;
}

bool read_supersedes(ByteReader* reader, const VersionVector& base, VersionVector* supersedes) {
  uint8_t which;
  if (!reader->read_byte(&which)) return false;
  if (which == kNoneSuperseded) return true;
  if (which == kBaseSuperseded) {
    *supersedes = base;
    return !base.empty();
  }
  return which == kOtherSuperseded && read_context(reader, supersedes) && !supersedes->empty() &&
         *supersedes != base;
}

bool read_delta(ByteReader* reader, Delta* delta) {
  constexpr size_t kLeastElementBytes = 3;
  uint8_t form;
  uint64_t count;
  if (!reader->read_byte(&form) || static_cast<Form>(form) != Form::kDelta) return false;
  if (!read_context(reader, &delta->base) || !read_context(reader, &delta->after)) return false;
  if (!delta->after.covers(delta->base) || !read_supersedes(reader, delta->base, &delta->supersedes))
    return false;
  if (!delta->after.covers(delta->supersedes) || delta->after.empty()) return false;
  if (!reader->read_varint(&count) || count > reader->left() / kLeastElementBytes) return false;
  const ElementId* previous = nullptr;
  for (uint64_t i = 0; i < count; ++i) {
    ElementId id;
    Siblings siblings;
    if (!read_element_id(reader, previous, &id) || !read_siblings(reader, &siblings)) return false;
    if (!siblings.empty() && !well_formed(id.kind, id.name, siblings)) return false;
    for (const Sibling& sibling : siblings) {
      if (!delta->after.covers(sibling.dot)) return false;
    }
    const auto place = delta->touched.emplace_hint(delta->touched.end(), std::move(id), std::move(siblings));
    previous = &place->first;
  }
  return reader->left() == 0;
}

}  // namespace

void encode_record(const Record& record, std::string* out) {
  encode_header(record, out);
  std::string value;
  const auto first = record.elements().lower_bound(
      ElementOrder::View{static_cast<ElementKind>(kFirstStoredApart), std::string_view()});
  for (auto element = first; element != record.elements().end(); ++element) {
    value.clear();
    encode_element(element->second, &value);
    out->push_back(static_cast<char>(element->first.kind));
    append_string(element->first.name, out);
    append_string(value, out);
  }
}

Status decode_record(std::string_view bytes, Record* record) {
  ByteReader reader(bytes);
  Header header;
  if (Status status = read_header(&reader, &header); !status.ok()) return status;
  if (Status status = read_elements(&reader, &header, record); !status.ok()) return status;
  return agree(header.collections, count_collections(*record)) ? Status()
                                                               : corrupt("record: elements miscounted");
}

void encode_element(const Siblings& siblings, std::string* out) {
  STARLING_ASSERT(!siblings.empty());
  const Sibling& first = siblings.front();
  if (siblings.size() == 1 && first.deadline_ms == 0 && !first.tombstone && first.join == Join::kLatest) {
    encode_simple_element(first.dot.actor, first.dot.stamp, first.value, out);
    return;
  }
  out->push_back(static_cast<char>(Form::kElement));
  append_siblings(siblings, out);
}

Status decode_element(ElementKind kind, std::string_view bytes, Siblings* siblings) {
  if (Status status = check_format(bytes); !status.ok()) return status;
  siblings->clear();
  Sibling simple;
  std::string_view value;
  if (decode_simple_element(bytes, &simple.dot.actor, &simple.dot.stamp, &value)) {
    simple.value = value;
    siblings->push_back(std::move(simple));
    return well_formed(kind, *siblings) ? Status() : corrupt("element");
  }
  ByteReader reader(bytes);
  uint8_t form;
  if (!reader.read_byte(&form) || static_cast<Form>(form) != Form::kElement ||
      !read_siblings(&reader, siblings) || reader.left() != 0 || !well_formed(kind, *siblings)) {
    return corrupt("element");
  }
  const Sibling& front = siblings->front();
  const bool could_be_simple = siblings->size() == 1 && front.deadline_ms == 0 && front.join == Join::kLatest;
  return could_be_simple ? corrupt("element: not in its shortest form") : Status();
}

void encode_delta(const Delta& delta, std::string* out) {
  out->push_back(static_cast<char>(Form::kDelta));
  append_context(delta.base, out);
  append_context(delta.after, out);
  if (delta.supersedes.empty()) {
    out->push_back(kNoneSuperseded);
  } else if (delta.supersedes == delta.base) {
    out->push_back(kBaseSuperseded);
  } else {
    out->push_back(kOtherSuperseded);
    append_context(delta.supersedes, out);
  }
  append_varint(delta.touched.size(), out);
  for (const auto& [id, siblings] : delta.touched) {
    out->push_back(static_cast<char>(id.kind));
    append_string(id.name, out);
    append_siblings(siblings, out);
  }
}

Status decode_delta(std::string_view bytes, Delta* delta) {
  if (Status status = check_format(bytes); !status.ok()) return status;
  *delta = {};
  ByteReader reader(bytes);
  return read_delta(&reader, delta) ? Status() : corrupt("delta");
}

void encode_context(const VersionVector& context, std::string* out) {
  out->push_back(static_cast<char>(Form::kContext));
  append_context(context, out);
}

Status decode_context(std::string_view bytes, size_t max_entries, VersionVector* context) {
  if (Status status = check_format(bytes); !status.ok()) return status;
  if (bytes.size() > 16 + 16 * max_entries)
    return Status(StatusCode::kInvalid, "a context has too many entries");
  *context = {};
  ByteReader reader(bytes);
  uint8_t form;
  const bool good = reader.read_byte(&form) && static_cast<Form>(form) == Form::kContext &&
                    read_context(&reader, context) && reader.left() == 0;
  if (!good) return corrupt("context");
  if (context->size() > max_entries) return Status(StatusCode::kInvalid, "a context has too many entries");
  return Status();
}

}  // namespace starling::engine
