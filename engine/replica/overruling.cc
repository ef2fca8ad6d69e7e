// Writes that another one hides although it was acknowledged before they began: noticed where they are merged,
// and made anew where they came from. See replication.h and README.md, "Versions".
#include <algorithm>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/memory/collection.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/record/join.h"
#include "engine/record/record_delta.h"
#include "engine/replica/replication.h"

namespace starling::engine {
namespace {

Siblings::const_iterator find_dot(const Siblings& siblings, const Dot& dot) {
  return std::find_if(siblings.begin(), siblings.end(), [&](const Sibling& s) { return s.dot == dot; });
}

// What is of one family shows together.
bool hides(const Sibling& sibling, const Sibling& put) {
  if (sibling.dot <= put.dot) return false;
  return !same_family(sibling, put);
}

// The stamp of the element's winner, if that hides what was put there, which is there still; else 0.
Stamp hiding(const Siblings& siblings, const Sibling& put) {
  if (find_dot(siblings, put.dot) == siblings.end() || !hides(siblings.back(), put)) return 0;
  return siblings.back().dot.stamp;
}

// Members of sets are there or not, whoever put them.
bool can_be_hidden(ElementKind kind) {
  return kind != ElementKind::kMember;
}

// What a change put last: of a whole record its last event's, of a delta all that it touched.
Elements put_by(const Record& state) {
  Elements put;
  const Stamp last = state.context().greatest_stamp();
  for (const auto& [id, siblings] : state.elements()) {
    if (siblings.back().dot.stamp == last && can_be_hidden(id.kind)) put[id] = {siblings.back()};
  }
  return put;
}

Elements put_by(const Delta& delta) {
  Elements put;
  for (const auto& [id, siblings] : delta.touched) {
    if (siblings.empty() || !can_be_hidden(id.kind) || delta.base.covers(siblings.back().dot)) continue;
    put[id] = {siblings.back()};
  }
  return put;
}

// Whether anything of the record stands beside something else. Of hardly any, and then nothing need be copied.
bool contested(const Record& record) {
  const Elements& elements = record.elements();
  bool value = false, apart = false;
  for (const auto& [id, siblings] : elements) {
    if (siblings.size() > 1) return true;
    value |= id.kind == ElementKind::kValue;
    apart |= is_stored_apart(id.kind);
  }
  return value && apart;
}

}  // namespace

Stamp overruling(const Record& record, const Record& state) {
  if (!contested(record)) return 0;
  Stamp greatest = 0;
  for (const auto& [id, put] : put_by(state)) {
    const auto place = record.elements().find(id);
    if (place == record.elements().end()) continue;
    greatest = std::max(greatest, hiding(place->second, put[0]));
    // A value competes with whatever else would be the key's type.
    if (id.kind != ElementKind::kValue || put[0].tombstone) continue;
    if (find_dot(place->second, put[0].dot) == place->second.end()) continue;
    for (const auto& [other, siblings] : record.elements()) {
      if (is_stored_apart(other.kind) && siblings.back().dot > put[0].dot)
        greatest = std::max(greatest, siblings.back().dot.stamp);
    }
  }
  return greatest;
}

Siblings Replica::siblings_at(const Entry& entry, const ElementId& id) const {
  const ActorTable& actors = operation_.core_.keyspace.actors;
  if (id.kind == ElementKind::kDeadline) return deadline_siblings(actors, entry);
  if (!is_stored_apart(id.kind) || type_of(id.kind) != entry.type()) return {};
  const Table& elements = entry.collection()->elements();
  const Table::Slot slot = elements.find(hash_of(id.name), id.name);
  if (slot == Table::kNotFound || elements.entry(slot)->tombstone()) return {};
  return siblings_of(actors, *entry.collection(), *elements.entry(slot));
}

Stamp Replica::overruling(const Key& key, const Delta& delta) const {
  const Entry* const entry = entry_of(key);
  if (entry == nullptr || !is_collection(*entry)) return 0;
  const History* const history = entry->history();
  if (history == nullptr || history->hidden().empty()) return 0;
  Stamp greatest = 0;
  for (const auto& [id, put] : put_by(delta)) {
    const Siblings siblings = siblings_at(*entry, id);
    if (!siblings.empty()) greatest = std::max(greatest, hiding(siblings, put[0]));
  }
  return greatest;
}

bool Replica::restamp(const Key& key, std::string_view bytes, ChangeKind kind) {
  (void)take_settled(&bytes);
  Record state;
  Delta delta;
  const bool whole = kind == ChangeKind::kState;
  if (!(whole ? decode_record(bytes, &state) : decode_delta(bytes, &delta)).ok()) return false;
  const Elements put = whole ? put_by(state) : put_by(delta);
  Database database(operation_, database_);
  (void)database.find(key, Touch::kNo);  // What has expired goes first.
  const Entry* const entry = entry_of(key);
  if (entry == nullptr) return false;
  if (is_collection(*entry)) return restamp_elements(key, put);
  Record record = record_of(operation_.core_.keyspace.actors, entry);
  const ElementId value{ElementKind::kValue, ""};
  const auto wanted = put.find(value);
  const auto here = record.elements().find(value);
  if (wanted == put.end() || here == record.elements().end()) return false;
  Siblings siblings = here->second;
  const auto own = find_dot(siblings, wanted->second[0].dot);
  if (own == siblings.end()) return false;
  Sibling again = *own;
  siblings.erase(own);
  again.dot = {operation_.next_stamp(), operation_.core_.actor};
  VersionVector context = record.context();
  context.add(again.dot);
  // Not always the last one: a clock that trusts others is not raised by what is far ahead.
  const auto place = std::upper_bound(siblings.begin(), siblings.end(), again);
  siblings.insert(place, std::move(again));
  RecordAssembly assembly(std::move(context));
  for (const auto& [id, others] : record.elements()) {
    const bool added = assembly.add(id.kind, id.name, id == value ? siblings : others);
    STARLING_ASSERT(added);
  }
  if (operation_.captured_ != nullptr) ChangeCapture(*operation_.captured_).whole(database_, key);
  database.put_record(key, without_expired(assembly.take(), operation_.now_ms()), operation_.now_ms());
  return true;
}

// Written once more, which puts away what of the element is here.
bool Replica::restamp_elements(const Key& key, const Elements& put) {
  Database database(operation_, database_);
  bool changed = false;
  for (const auto& [id, wanted] : put) {
    const Entry* const entry = entry_of(key);
    if (entry == nullptr || !is_collection(*entry)) return changed;
    const Siblings siblings = siblings_at(*entry, id);
    const Sibling& own = wanted[0];
    if (own.join != Join::kLatest || find_dot(siblings, own.dot) == siblings.end()) continue;
    if (id.kind == ElementKind::kDeadline) {
      changed |= own.live(operation_.now_ms()) && database.set_deadline(key, own.deadline_ms);
    } else {
      (void)database.open(key, entry->type()).put(id.name, own.value);
      changed = true;
    }
  }
  return changed;
}

}  // namespace starling::engine
