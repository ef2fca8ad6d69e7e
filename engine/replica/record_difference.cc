#include "engine/replica/record_difference.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "engine/base/byte_codec.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"
#include "engine/record/record_delta.h"

namespace starling::engine {
namespace {

constexpr char kForm = 0x1f;
constexpr char kProbe = static_cast<char>(0xff);
// Elements of a bucket, on average: a sum costs 8 bytes, and a removal so many names.
constexpr uint64_t kBucketElements = 64;
constexpr int kMostBits = 14;

const Entry* entry_of(Operation& operation, int database, const Key& key) {
  DatabaseTables& tables = *operation.engine().core().keyspace.databases[static_cast<size_t>(database)];
  if (!tables.used.load(std::memory_order_acquire)) return nullptr;
  const Table& table = tables.partition(key).table;
  const Table::Slot slot = table.find(key.hash, key.name);
  return slot == Table::kNotFound ? nullptr : table.entry(slot);
}

Stamp settled_of(Operation& operation, const Key& key) {
  return operation.engine().core().keyspace.settled.of(key.partition);
}

uint64_t mixed(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

uint64_t identity(ElementKind kind, std::string_view name) {
  return mixed(hash_of(name) ^ static_cast<uint64_t>(kind) << 56);
}

size_t bucket_of(uint64_t identity, int bits) {
  return bits == 0 ? 0 : identity >> (64 - bits);
}

// What a sum adds up for one element: whose it is, and the dots of some of its siblings.
uint64_t digest(uint64_t identity, const Siblings& siblings, absl::FunctionRef<bool(const Dot&)> counts,
                bool* any) {
  uint64_t sum = identity;
  *any = false;
  for (const Sibling& sibling : siblings) {
    if (!counts(sibling.dot)) continue;
    *any = true;
    sum = mixed(mixed(sum ^ sibling.dot.actor) ^ sibling.dot.stamp);
  }
  return sum;
}

// Every element of the record, a deadline and what does not show included.
void visit_elements(const ActorTable& actors, const Entry& entry,
                    absl::FunctionRef<void(ElementKind, std::string_view, const Siblings&)> visit) {
  const Collection& collection = *entry.collection();
  const ElementKind shown = element_kind_of(collection.type());
  const Table& elements = collection.elements();
  const History* const history = collection.history();
  const bool plain = history == nullptr || history->hidden().empty();
  Siblings simple(1);
  for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
    const Entry* element = elements.entry(i);
    if (element == nullptr || element->tombstone()) continue;
    if (plain && !element->counter()) {
      // Without its value, which few visitors look at: see whole_siblings().
      simple[0] = {{element->stamp(), actors.id_of(element->actor())}, {}, 0, false, Join::kLatest};
      visit(shown, element->key(), simple);
    } else {
      visit(shown, element->key(), siblings_of(actors, collection, *element));
    }
  }
  if (history != nullptr) {
    for (const auto& [id, siblings] : history->hidden()) {
      if (id.kind != shown) visit(id.kind, id.name, siblings);
    }
  } else if (const Siblings deadline = deadline_siblings(actors, entry); !deadline.empty()) {
    visit(ElementKind::kDeadline, "", deadline);
  }
}

// With the values.
Siblings whole_siblings(const ActorTable& actors, const Entry& entry, ElementKind kind, std::string_view name,
                        const Siblings& visited) {
  const Collection& collection = *entry.collection();
  if (kind != element_kind_of(collection.type())) return visited;
  const Table::Slot slot = collection.elements().find(hash_of(name), name);
  return siblings_of(actors, collection, *collection.elements().entry(slot));
}

int bits_for(uint64_t elements) {
  const uint64_t buckets = std::bit_ceil(std::max<uint64_t>(1, elements / kBucketElements));
  return std::min(kMostBits, std::countr_zero(buckets));
}

// False: they are no ascending numbers of buckets.
bool read_listed(std::string_view bytes, int bits, std::vector<bool>* listed) {
  listed->assign(size_t{1} << bits, false);
  ByteReader reader(bytes);
  uint64_t least = 0;
  while (reader.left() != 0) {
    uint64_t bucket;
    if (!reader.read_varint(&bucket) || bucket < least || bucket >= listed->size()) return false;
    (*listed)[bucket] = true;
    least = bucket + 1;
  }
  return true;
}

struct Difference {
  bool probe = false;
  int bits = 0;
  std::vector<bool> listed;
  std::string_view sums;
  Delta delta;
};

bool decode(std::string_view bytes, Difference* difference) {
  if (bytes.size() < 2 || bytes[0] != kForm) return false;
  difference->probe = bytes[1] == kProbe;
  if (difference->probe) return decode_delta(bytes.substr(2), &difference->delta).ok();
  if (static_cast<uint8_t>(bytes[1]) > kMostBits) return false;
  difference->bits = bytes[1];
  ByteReader reader(bytes.substr(2));
  std::string_view listed;
  if (!reader.read_string(&listed) || !reader.read_string(&difference->sums)) return false;
  if (!read_listed(listed, difference->bits, &difference->listed)) return false;
  if (difference->sums.size() != difference->listed.size() * sizeof(uint64_t)) return false;
  const std::string_view delta = bytes.substr(bytes.size() - reader.left());
  if (!decode_delta(delta, &difference->delta).ok()) return false;
  // It stands for more than one event, so it must not claim to build on any.
  return difference->delta.base.empty() && difference->delta.supersedes.empty();
}

}  // namespace

bool worth_a_difference(Operation& operation, int database, const Key& key, uint64_t least_elements) {
  const Entry* entry = entry_of(operation, database, key);
  return entry != nullptr && is_collection(*entry) && entry->collection()->size() >= least_elements;
}

bool append_difference(Operation& operation, int database, const Key& key, std::string_view seen,
                       std::string_view listed_bytes, std::string* out, uint64_t least_elements) {
  if (!worth_a_difference(operation, database, key, least_elements)) return false;
  const ActorTable& actors = operation.engine().core().keyspace.actors;
  const Entry& entry = *entry_of(operation, database, key);
  VersionVector theirs;
  std::vector<bool> listed;
  (void)take_settled(&seen);
  const int bits = bits_for(entry.collection()->size());
  if (seen.empty() || !decode_context(seen, kMaxContextEntries, &theirs).ok()) return false;
  // The collection has grown or shrunk meanwhile: the buckets are others.
  if (!read_listed(listed_bytes, bits, &listed)) listed.assign(size_t{1} << bits, false);
  std::vector<uint64_t> sums(listed.size());
  Delta delta;
  delta.after = context_of(actors, &entry);
  visit_elements(actors, entry, [&](ElementKind kind, std::string_view name, const Siblings& siblings) {
    const uint64_t id = identity(kind, name);
    const size_t bucket = bucket_of(id, bits);
    const auto known = [&](const Sibling& sibling) { return theirs.covers(sibling.dot); };
    if (listed[bucket] || !std::all_of(siblings.begin(), siblings.end(), known)) {
      delta.touched.emplace(ElementId{kind, std::string(name)},
                            whole_siblings(actors, entry, kind, name, siblings));
      return;
    }
    bool any;
    sums[bucket] += digest(
        id, siblings, [](const Dot&) { return true; }, &any);
  });
  append_settled(settled_of(operation, key), out);
  out->push_back(kForm);
  out->push_back(static_cast<char>(bits));
  std::string numbers;
  for (size_t i = 0; i < listed.size(); ++i) {
    if (listed[i]) append_varint(i, &numbers);
  }
  append_string(numbers, out);
  append_string({reinterpret_cast<const char*>(sums.data()), sums.size() * sizeof(uint64_t)}, out);
  encode_delta(delta, out);
  return true;
}

void append_probe(Operation& operation, int database, const Key& key, std::string* out) {
  const ActorTable& actors = operation.engine().core().keyspace.actors;
  Delta delta;
  delta.after = context_of(actors, entry_of(operation, database, key));
  append_settled(settled_of(operation, key), out);
  out->push_back(kForm);
  out->push_back(kProbe);
  encode_delta(delta, out);
}

MergeOutcome merge_difference(Operation& operation, int database, const Key& key, std::string_view bytes,
                              std::string* listed, bool* whole, Stamp* overruled) {
  if (overruled != nullptr) *overruled = 0;
  const ActorTable& actors = operation.engine().core().keyspace.actors;
  const Stamp settled = settled_of(operation, key);
  const Stamp their_settled = take_settled(&bytes);
  Difference difference;
  if (!decode(bytes, &difference)) return MergeOutcome::kCorrupt;
  Delta& delta = difference.delta;
  const Entry* const entry = entry_of(operation, database, key);
  const VersionVector mine = context_of(actors, entry);
  const Order order = compare_known({mine, settled}, {delta.after, their_settled});
  if (order == Order::kEqual || order == Order::kAfter) {
    if (overruled != nullptr) *overruled = Replica(operation, database).overruling(key, delta);
    return MergeOutcome::kUnchanged;
  }
  *whole = true;
  if (entry == nullptr || !is_collection(*entry)) return MergeOutcome::kGap;
  if (difference.probe) {
    listed->clear();
    *whole = false;
    return MergeOutcome::kGap;
  }
  // What the sender has settled and does not say would have to be said by a floor.
  if (order == Order::kBefore && their_settled >= settled && !delta.after.covers(mine))
    return MergeOutcome::kGap;
  // Few names are looked up that are not there.
  absl::flat_hash_set<uint64_t> touched;
  for (const auto& [id, siblings] : delta.touched) {
    touched.insert(identity(id.kind, id.name));
    for (const Sibling& sibling : siblings) {
      if (sibling.dot.stamp <= settled && !mine.covers(sibling.dot)) return MergeOutcome::kGap;
    }
  }
  std::vector<uint64_t> sums(difference.listed.size());
  std::vector<ElementId> gone;
  bool decided_by_stamp = false;
  const auto theirs = [&](const Dot& dot) { return delta.after.covers(dot); };
  visit_elements(actors, *entry, [&](ElementKind kind, std::string_view name, const Siblings& siblings) {
    for (const Sibling& sibling : siblings)
      decided_by_stamp |= sibling.dot.stamp <= their_settled && !theirs(sibling.dot);
    const uint64_t id = identity(kind, name);
    if (touched.contains(id) && delta.touched.contains(ElementOrder::View{kind, name})) return;
    const size_t bucket = bucket_of(id, difference.bits);
    if (difference.listed[bucket]) {
      gone.push_back({kind, std::string(name)});
      return;
    }
    bool any;
    const uint64_t own = digest(id, siblings, theirs, &any);
    if (any) sums[bucket] += own;
  });
  if (decided_by_stamp) return MergeOutcome::kGap;
  *whole = false;
  listed->clear();
  bool equal = true;
  for (size_t i = 0; i < sums.size(); ++i) {
    const bool differs = sums[i] != load_u64(difference.sums.data() + i * sizeof(uint64_t));
    equal &= difference.listed[i] || !differs;
    if (difference.listed[i] || differs) append_varint(i, listed);
  }
  if (!equal) return MergeOutcome::kGap;
  for (ElementId& id : gone) delta.touched[std::move(id)] = {};
  std::string expanded;
  encode_delta(delta, &expanded);
  const MergeOutcome outcome = Replica(operation, database).merge_delta(key, expanded, overruled);
  // A delta goes by contexts and what is settled here only.
  *whole = outcome == MergeOutcome::kGap || outcome == MergeOutcome::kUnchanged;
  return *whole ? MergeOutcome::kGap : outcome;
}

}  // namespace starling::engine
