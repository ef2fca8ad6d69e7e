#include "engine/memory/record_form.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/assert.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"

namespace starling::engine {

namespace {

bool never_there(const Entry* entry) {
  return entry == nullptr || (entry->stamp() == 0 && !entry->has(Entry::kComplex));
}

// The last event that the context knows of; stamp 0: none.
Dot last_of(const VersionVector& context) {
  Dot last;
  for (const auto& [actor, stamp] : context.entries()) last = std::max(last, Dot{stamp, actor});
  return last;
}

Dot dot_of(const ActorTable& actors, const Entry& entry) {
  return {entry.stamp(), actors.id_of(entry.actor())};
}

void must_add(RecordAssembly& assembly, ElementKind kind, std::string_view name, Siblings siblings) {
  const bool added = assembly.add(kind, name, std::move(siblings));
  STARLING_ASSERT(added);
}

// All of it but what is of that kind.
void add_inline(RecordAssembly& assembly, const Elements& hidden, std::optional<ElementKind> but = {}) {
  for (const auto& [id, siblings] : hidden) {
    if (!is_stored_apart(id.kind) && but != id.kind) must_add(assembly, id.kind, id.name, siblings);
  }
}

}  // namespace

Siblings deadline_siblings(const ActorTable& actors, const Entry& entry) {
  if (const History* history = entry.history()) {
    const Siblings* siblings = history->find(ElementKind::kDeadline, "");
    return siblings == nullptr ? Siblings() : *siblings;
  }
  if (entry.deadline_ms() == 0) return {};
  Dot dot = dot_of(actors, entry);
  const Stamp stamp = entry.collection()->deadline_stamp();
  if (stamp != 0) dot.stamp = stamp;
  return {{dot, "", entry.deadline_ms(), false}};
}

namespace {

// Whatever of the header lies in the row itself.
Record inline_record(const ActorTable& actors, const Entry& entry) {
  RecordAssembly assembly(context_of(actors, &entry));
  const History* history = entry.history();
  if (entry.type() == Type::kString) {
    const Siblings* hidden = history == nullptr ? nullptr : history->find(ElementKind::kValue, "");
    must_add(assembly, ElementKind::kValue, "", siblings_of(actors, entry, hidden));
    if (history != nullptr) add_inline(assembly, history->hidden(), ElementKind::kValue);
  } else if (history != nullptr) {
    add_inline(assembly, history->hidden());
  } else if (entry.type() == Type::kNone) {
    must_add(assembly, ElementKind::kValue, "", {{dot_of(actors, entry), "", entry.deadline_ms(), true}});
  } else if (entry.deadline_ms() != 0) {
    must_add(assembly, ElementKind::kDeadline, "", deadline_siblings(actors, entry));
  }
  return assembly.take();
}

void count(std::vector<Header::Collection>* counts, ElementKind kind, const Dot& dot) {
  auto at =
      std::find_if(counts->begin(), counts->end(), [&](const auto& known) { return known.kind == kind; });
  if (at == counts->end()) at = counts->insert(at, {kind, 0, {}});
  ++at->count;
  at->greatest = std::max(at->greatest, dot);
}

}  // namespace

VersionVector context_of(const ActorTable& actors, const Entry* entry) {
  if (never_there(entry)) return {};
  if (const History* history = entry->history()) return history->context();
  return {dot_of(actors, *entry)};
}

Siblings siblings_of(const ActorTable& actors, const Collection& collection, const Entry& element) {
  const History* history = collection.history();
  return siblings_of(
      actors, element,
      history == nullptr ? nullptr : history->find(element_kind_of(collection.type()), element.key()));
}

Record record_of(const ActorTable& actors, const Entry* entry) {
  if (never_there(entry)) return {};
  RecordAssembly assembly(inline_record(actors, *entry));
  if (is_collection(entry->type())) {
    const Collection& collection = *entry->collection();
    const ElementKind kind = element_kind_of(collection.type());
    const Table& elements = collection.elements();
    for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
      const Entry* element = elements.entry(i);
      if (element == nullptr || element->tombstone()) continue;
      must_add(assembly, kind, element->key(), siblings_of(actors, collection, *element));
    }
  }
  if (const History* history = entry->history()) {
    const ElementKind shown =
        is_collection(entry->type()) ? element_kind_of(entry->type()) : ElementKind::kValue;
    for (const auto& [id, siblings] : history->hidden()) {
      if (is_stored_apart(id.kind) && id.kind != shown) must_add(assembly, id.kind, id.name, siblings);
    }
  }
  return assembly.take();
}

Header header_of(const ActorTable& actors, const Entry& entry) {
  Header header;
  header.record = inline_record(actors, entry);
  const bool shows_collection = is_collection(entry.type());
  const ElementKind shown = shows_collection ? element_kind_of(entry.type()) : ElementKind::kValue;
  if (const History* history = entry.history()) {
    for (const auto& [id, siblings] : history->hidden()) {
      if (is_stored_apart(id.kind) && id.kind != shown)
        count(&header.collections, id.kind, siblings.back().dot);
    }
  }
  if (!shows_collection) return header;
  // The greatest dot is written only where several types compete; then all elements are looked at.
  Header::Collection counted{shown, entry.collection()->size(), {}};
  const auto& inlined = header.record.elements();
  const bool values = inlined.find(ElementOrder::View{ElementKind::kValue, ""}) != inlined.end();
  if (values || !header.collections.empty()) {
    const Table& elements = entry.collection()->elements();
    for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
      const Entry* element = elements.entry(i);
      if (element == nullptr || element->tombstone()) continue;
      counted.greatest = std::max(counted.greatest, dot_of(actors, *element));
    }
  }
  header.collections.push_back(counted);
  std::sort(header.collections.begin(), header.collections.end(),
            [](const auto& a, const auto& b) { return a.kind < b.kind; });
  return header;
}

Shown shown_of(const Record& record, int64_t now_ms) {
  const Type type = record.type(now_ms);
  return {type, type == Type::kNone ? 0 : record.deadline_ms(now_ms)};
}

Record without_expired(Record record, int64_t now_ms) {
  const auto expired = [&](const Sibling& sibling) { return !sibling.tombstone && !sibling.live(now_ms); };
  const auto values = record.elements().find(ElementOrder::View{ElementKind::kValue, ""});
  if (values == record.elements().end() ||
      std::none_of(values->second.begin(), values->second.end(), expired)) {
    return record;
  }
  RecordAssembly assembly(record.context());
  for (const auto& [id, siblings] : record.elements()) {
    Siblings kept = siblings;
    for (Sibling& sibling : kept) {
      if (id.kind == ElementKind::kValue && expired(sibling))
        sibling = {sibling.dot, "", sibling.deadline_ms, true};
    }
    must_add(assembly, id.kind, id.name, std::move(kept));
  }
  return assembly.take();
}

bool supported(ElementKind kind, const Siblings& siblings) {
  if (kind == ElementKind::kValue || kind == ElementKind::kDeadline) return true;
  if (!is_collection(type_of(kind))) return false;
  return std::all_of(siblings.begin(), siblings.end(),
                     [](const Sibling& sibling) { return sibling.deadline_ms == 0; });
}

bool supported(const Record& record) {
  return std::all_of(record.elements().begin(), record.elements().end(),
                     [](const auto& element) { return supported(element.first.kind, element.second); });
}

bool take_actors(ActorTable& actors, const Siblings& siblings) {
  return std::all_of(siblings.begin(), siblings.end(), [&](const Sibling& sibling) {
    if (!actors.take(sibling.dot.actor)) return false;
    if (!sibling.counter()) return true;
    const ActorId base = contribution_of(sibling).base.actor;
    return base == 0 || actors.take(base);
  });
}

bool take_actors(ActorTable& actors, const Record& record) {
  const Dot last = last_of(record.context());
  return (last.stamp == 0 || actors.take(last.actor)) &&
         std::all_of(record.elements().begin(), record.elements().end(),
                     [&](const auto& element) { return take_actors(actors, element.second); });
}

EntryAssembly::EntryAssembly(ActorTable& actors, Shown shown, VersionVector context, DirtyTag tag,
                             uint8_t element_flags)
    : actors_(actors), shown_(shown), tag_(tag), element_flags_(element_flags) {
  history_ = std::make_unique<History>(std::move(context));
  if (is_collection(shown.type)) collection_ = std::make_unique<Collection>(shown.type);
}

EntryAssembly::~EntryAssembly() = default;

void EntryAssembly::add(ElementKind kind, std::string_view name, Siblings siblings) {
  if (shown_.type == Type::kString && kind == ElementKind::kValue) {
    values_ = std::move(siblings);
    return;
  }
  if (collection_ != nullptr && kind == element_kind_of(shown_.type)) {
    ElementForm form = form_of(actors_, std::move(siblings), true);
    Entry::Parts parts;
    parts.key = name;
    parts.value = form.value;
    parts.counter = form.counter;
    parts.type = shown_.type;
    parts.stamp = form.dot.stamp;
    parts.actor = actors_.index_of(form.dot.actor);
    parts.flags = element_flags_;
    collection_->store(Table::kNotFound, hash_of(name), parts, tag_);
    siblings = std::move(form.hidden);
  }
  history_->hide(kind, name, std::move(siblings));
}

void EntryAssembly::add(const Record& record) {
  for (const auto& [id, siblings] : record.elements()) add(id.kind, id.name, siblings);
}

// One value sibling, whose dot is the whole context.
bool EntryAssembly::simple_value() const {
  const VersionVector& context = history_->context();
  if (context.size() != 1 || context.floor() != 0) return false;
  const Dot only{context.entries()[0].stamp, context.entries()[0].actor};
  if (shown_.type == Type::kString) {
    return history_->hidden().empty() && values_.size() == 1 && values_.front().dot == only;
  }
  const Siblings* values = history_->find(ElementKind::kValue, "");
  return history_->hidden().size() == 1 && values != nullptr && values->size() == 1 &&
         values->front().dot == only && values->front().tombstone;
}

// One sibling of each element, all by the context's one actor.
bool EntryAssembly::simple_collection() const {
  if (history_->context().size() != 1 || history_->context().floor() != 0) return false;
  if (history_->hidden().empty()) return true;
  const Siblings* deadlines = history_->find(ElementKind::kDeadline, "");
  return history_->hidden().size() == 1 && deadlines != nullptr && deadlines->size() == 1;
}

Entry* EntryAssembly::make(std::string_view name, uint32_t access, uint8_t flags) {
  Entry::Parts parts;
  parts.key = name;
  parts.type = shown_.type;
  parts.access = access;
  parts.flags = flags;
  parts.deadline_ms = shown_.deadline_ms;
  const Dot last = last_of(history_->context());
  if (last.stamp == 0) return Entry::create(parts);
  parts.stamp = last.stamp;
  parts.actor = actors_.index_of(last.actor);
  if (collection_ != nullptr) return make_collection(parts);
  return shown_.type == Type::kString ? make_value(parts) : make_hidden(parts);
}

Entry* EntryAssembly::make_value(Entry::Parts parts) {
  const bool simple = simple_value();
  ElementForm form = form_of(actors_, std::move(values_), simple);
  parts.stamp = form.dot.stamp;
  parts.actor = actors_.index_of(form.dot.actor);
  if (!simple || !form.hidden.empty()) {
    history_->hide(ElementKind::kValue, "", std::move(form.hidden));
    parts.flags |= Entry::kComplex;
    parts.external = new BigValue(form.value, std::move(history_));
  } else if (form.value.size() >= kBigValueBytes) {
    parts.external = new BigValue(form.value, nullptr);
  } else {
    parts.value = form.value;
    parts.counter = form.counter;
  }
  return Entry::create(parts);
}

Entry* EntryAssembly::make_hidden(Entry::Parts parts) {
  if (simple_value()) {
    // Of a value that has expired.
    parts.deadline_ms = history_->find(ElementKind::kValue, "")->front().deadline_ms;
  } else {
    parts.flags |= Entry::kComplex;
    parts.external = history_.release();
  }
  return Entry::create(parts);
}

Entry* EntryAssembly::make_collection(Entry::Parts parts) {
  if (simple_collection()) {
    const Siblings* deadlines = history_->find(ElementKind::kDeadline, "");
    if (deadlines != nullptr) collection_->set_deadline_stamp(deadlines->front().dot.stamp);
  } else {
    parts.flags |= Entry::kComplex;
    collection_->set_history(std::move(history_));
  }
  collection_->put_in_order();
  parts.external = collection_.release();
  return Entry::create(parts);
}

namespace {

constexpr char kCover = static_cast<char>(Form::kCover);

}  // namespace

void append_simple_string(const ActorTable& actors, const Entry& entry, std::string* out) {
  const ActorId actor = actors.id_of(entry.actor());
  if (!entry.counter()) {
    return encode_simple_string(actor, entry.stamp(), entry.deadline_ms(), entry.value(), out);
  }
  const std::string contribution = encode_contribution(contribution_in(actors, entry));
  encode_simple_counter(actor, entry.stamp(), entry.deadline_ms(), contribution, out);
}

void append_row(const ActorTable& actors, const Entry& entry, std::string* out) {
  if (!entry.has(Entry::kComplex) && entry.type() == Type::kString) {
    return append_simple_string(actors, entry, out);
  }
  if (!entry.has(Entry::kComplex) && is_collection(entry.type())) {
    return encode_simple_header(entry.type(), actors.id_of(entry.actor()), entry.stamp(), entry.deadline_ms(),
                                entry.collection()->size(), out, entry.collection()->deadline_stamp());
  }
  out->push_back(kCover);
  out->push_back(static_cast<char>(entry.type()));
  append_varint(entry.tombstone() ? 0 : static_cast<uint64_t>(entry.deadline_ms()), out);
  encode_header(header_of(actors, entry), out);
}

bool take_cover(std::string_view* row, Shown* shown) {
  ByteReader reader(*row);
  uint8_t form, type;
  uint64_t deadline;
  if (!reader.read_byte(&form) || static_cast<char>(form) != kCover || !reader.read_byte(&type) ||
      type > static_cast<uint8_t>(Type::kStream) || !reader.read_varint(&deadline) || deadline > INT64_MAX) {
    return false;
  }
  *shown = {static_cast<Type>(type), static_cast<int64_t>(deadline)};
  *row = reader.rest();
  return true;
}

void append_state(const ActorTable& actors, const Entry& entry, int64_t now_ms, std::string* out) {
  const int64_t deadline_ms = entry.deadline_ms();
  if (!entry.has(Entry::kComplex) && entry.type() == Type::kString &&
      (deadline_ms == 0 || deadline_ms > now_ms)) {
    return append_simple_string(actors, entry, out);
  }
  encode_record(without_expired(record_of(actors, &entry), now_ms), out);
}

}  // namespace starling::engine
