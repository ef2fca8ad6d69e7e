#include "engine/core/change_capture.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "engine/base/assert.h"
#include "engine/core/entry_change.h"
#include "engine/memory/collection.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/record/record_delta.h"

namespace starling::engine {

ReplicaChange ChangeList::operator[](size_t index) const {
  const Change& change = changes_[index];
  const std::string_view buffer = buffer_;
  return {change.database,
          change.partition,
          change.kind,
          change.ordered,
          buffer.substr(change.key_offset, change.key_bytes),
          buffer.substr(change.offset, change.bytes)};
}

void ChangeList::clear() {
  // What something large has needed is given back.
  constexpr size_t kKeptBytes = 1 << 20;
  constexpr size_t kKeptChanges = 1 << 14;
  if (buffer_.capacity() > kKeptBytes) buffer_ = std::string();
  if (changes_.capacity() > kKeptChanges) changes_ = {};
  if (touched_.capacity() > kKeptChanges) touched_ = {};
  changes_.clear();
  touched_.clear();
  buffer_.clear();
  ordered_ = false;
}

namespace {

// Of two changes of a key: the whole of it if one is, and told if one was.
ChangeKind joined(ChangeKind a, ChangeKind b) {
  if (a == ChangeKind::kTold || b == ChangeKind::kDelta) return a;
  return b;
}

}  // namespace

uint32_t ChangeCapture::note(int database, const Key& key, ChangeKind kind, bool* added) {
  auto& changes = list_.changes_;
  *added = false;
  // Most often the same key as before, if any. Others that come again are joined at the end.
  if (!changes.empty() && !changes.back().sealed) {
    ChangeList::Change& last = changes.back();
    if (last.hash == key.hash && last.database == database &&
        text(last.key_offset, last.key_bytes) == key.name) {
      last.kind = joined(last.kind, kind);
      return static_cast<uint32_t>(changes.size() - 1);
    }
  }
  *added = true;
  changes.push_back({list_.buffer_.size(), key.name.size(), 0, 0, key.hash, key.partition,
                     static_cast<uint8_t>(database), kind, false, false});
  list_.buffer_.append(key.name);
  return static_cast<uint32_t>(changes.size() - 1);
}

void ChangeCapture::whole(int database, const Key& key, ChangeKind kind) {
  bool added;
  note(database, key, kind, &added);
}

uint32_t ChangeCapture::part(int database, const Key& key, const Entry& entry, const ActorTable& actors) {
  bool added;
  const uint32_t index = note(database, key, ChangeKind::kDelta, &added);
  if (!added) return index;
  // Until it is sealed, the change's bytes are the context it builds on.
  ChangeList::Change& change = list_.changes_[index];
  change.offset = list_.buffer_.size();
  encode_context(context_of(actors, &entry), &list_.buffer_);
  change.bytes = list_.buffer_.size() - change.offset;
  return index;
}

void ChangeCapture::element(uint32_t change, ElementKind kind, std::string_view name) {
  list_.touched_.push_back({change, kind, list_.buffer_.size(), name.size()});
  list_.buffer_.append(name);
}

bool ChangeCapture::same_key(const ChangeList::Change& a, const ChangeList::Change& b) const {
  return a.hash == b.hash && a.database == b.database &&
         text(a.key_offset, a.key_bytes) == text(b.key_offset, b.key_bytes);
}

// One change for each key: the first, which builds on the oldest context.
void ChangeCapture::join_repeated() {
  auto& changes = list_.changes_;
  std::vector<uint32_t> order(changes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::tie(changes[a].sealed, changes[a].hash, changes[a].database) <
           std::tie(changes[b].sealed, changes[b].hash, changes[b].database);
  });
  std::vector<uint32_t> first(changes.size());
  std::iota(first.begin(), first.end(), 0);
  bool repeated = false;
  for (size_t i = 0; i < order.size(); ++i) {
    if (changes[order[i]].sealed) break;
    // Names of equal hash are so rare that looking at all of them costs nothing.
    for (size_t j = i; j-- > 0 && changes[order[j]].hash == changes[order[i]].hash;) {
      if (!same_key(changes[order[j]], changes[order[i]])) continue;
      first[order[i]] = first[order[j]];
      repeated = true;
      break;
    }
  }
  if (!repeated) return;
  std::vector<uint32_t> place(changes.size());
  uint32_t kept = 0;
  for (uint32_t i = 0; i < changes.size(); ++i) {
    if (first[i] != i) {
      place[i] = place[first[i]];
      changes[place[i]].kind = joined(changes[place[i]].kind, changes[i].kind);
      continue;
    }
    place[i] = kept;
    changes[kept++] = changes[i];
  }
  changes.resize(kept);
  for (ChangeList::Touched& touched : list_.touched_) touched.change = place[touched.change];
}

void ChangeCapture::seal(const EngineCore& core, int64_t now_ms) {
  auto& changes = list_.changes_;
  if (changes.size() > 1) join_repeated();
  if (!list_.touched_.empty()) {
    std::stable_sort(list_.touched_.begin(), list_.touched_.end(),
                     [](const auto& a, const auto& b) { return a.change < b.change; });
  }
  for (uint32_t i = 0; i < changes.size(); ++i) {
    if (!changes[i].sealed) seal(core, now_ms, i);
  }
  // Nothing is left of what a flush took.
  std::erase_if(changes, [](const ChangeList::Change& change) { return change.bytes == 0; });
  list_.touched_.clear();
}

void ChangeCapture::seal(const EngineCore& core, int64_t now_ms, uint32_t index) {
  ChangeList::Change& change = list_.changes_[index];
  change.sealed = true;
  DatabaseTables& tables = *core.keyspace.databases[change.database];
  tables.ensure_used();
  const Table& table = tables.partitions[change.partition].table;
  const Table::Slot slot = table.find(change.hash, text(change.key_offset, change.key_bytes));
  const Entry* entry = slot == Table::kNotFound ? nullptr : table.entry(slot);
  if (entry == nullptr || (entry->stamp() == 0 && !entry->has(Entry::kComplex))) {
    change.bytes = 0;
    return;
  }
  change.ordered = is_collection(*entry);
  list_.ordered_ |= change.ordered;
  if (change.kind == ChangeKind::kDelta && append_delta(core, *entry, index)) return;
  if (change.kind == ChangeKind::kDelta) change.kind = ChangeKind::kState;
  change.offset = list_.buffer_.size();
  append_settled(core.keyspace.settled.of(change.partition), &list_.buffer_);
  append_state(core.keyspace.actors, *entry, now_ms, &list_.buffer_);
  change.bytes = list_.buffer_.size() - change.offset;
}

// False when the state is the smaller message.
bool ChangeCapture::append_delta(const EngineCore& core, const Entry& entry, uint32_t index) {
  ChangeList::Change& change = list_.changes_[index];
  if (!is_collection(entry)) return false;
  const Collection& collection = *entry.collection();
  const ActorTable& actors = core.keyspace.actors;
  Delta delta;
  const Status decoded = decode_context(text(change.offset, change.bytes), SIZE_MAX / 32, &delta.base);
  STARLING_ASSERT(decoded.ok());
  const auto& all = list_.touched_;
  auto place = std::lower_bound(all.begin(), all.end(), index,
                                [](const auto& touched, uint32_t number) { return touched.change < number; });
  for (; place != all.end() && place->change == index; ++place) {
    const ChangeList::Touched& touched = *place;
    const std::string_view name = text(touched.name_offset, touched.name_bytes);
    Siblings& siblings = delta.touched[{touched.kind, std::string(name)}];
    if (touched.kind == ElementKind::kDeadline) {
      siblings = deadline_siblings(actors, entry);
      continue;
    }
    const Table::Slot slot = collection.elements().find(hash_of(name), name);
    if (slot == Table::kNotFound || collection.elements().entry(slot)->tombstone()) continue;
    siblings = siblings_of(actors, collection, *collection.elements().entry(slot));
  }
  if (delta.touched.size() >= collection.size()) return false;
  delta.after = context_of(actors, &entry);
  change.offset = list_.buffer_.size();
  append_settled(core.keyspace.settled.of(change.partition), &list_.buffer_);
  encode_delta(delta, &list_.buffer_);
  change.bytes = list_.buffer_.size() - change.offset;
  return true;
}

}  // namespace starling::engine
