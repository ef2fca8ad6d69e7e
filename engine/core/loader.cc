#include "engine/core/loader.h"

#include <memory>
#include <utility>

#include "engine/base/simple_codec.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"
#include "engine/record/storage_key.h"

namespace starling::engine {

namespace {

// Attempts before a reader that keeps losing against evictions of the same partition takes its stripe for the
// read.
constexpr int kOptimisticAttempts = 16;

Status damaged(const Key& key) {
  return {StatusCode::kCorrupt, "the record of key '" + std::string(key.name.substr(0, 64)) + "' is damaged"};
}

// An element of a collection without a history: one value, or one contribution to a counter, whose text then
// is kept in `counter`.
bool read_element(ActorTable& actors, ElementKind kind, std::string_view row, ActorId* actor,
                  Entry::Parts* parts, std::string* counter) {
  if (decode_simple_element(row, actor, &parts->stamp, &parts->value)) return true;
  Siblings siblings;
  if (!decode_element(kind, row, &siblings).ok() || siblings.size() != 1) return false;
  if (!take_actors(actors, siblings)) return false;
  *actor = siblings.front().dot.actor;
  ElementForm form = form_of(actors, std::move(siblings), true);
  *counter = std::move(form.value);
  parts->stamp = form.dot.stamp;
  parts->value = *counter;
  parts->counter = form.counter;
  return form.counter;
}

Status too_many_actors() {
  return {StatusCode::kInvalid, "the records in memory have as many actors as there can be"};
}

// What could not be read is damaged, unless it is a counter that stands on an actor for which there is no room.
Status unreadable(const ActorTable& actors, const Key& key) {
  return actors.has_room() ? damaged(key) : too_many_actors();
}

}  // namespace

// What the store has of one key, decoded.
struct Loader::Read {
  struct Destroyer {
    void operator()(Entry* entry) const { Entry::destroy(entry); }
  };

  bool found = false;
  std::string bytes;
  Type type = Type::kNone;
  ActorId actor = 0;
  Stamp stamp = 0;
  int64_t deadline_ms = 0;
  std::string_view value;  // Into bytes.
  bool counter = false;    // As Entry::Parts has it.
  std::unique_ptr<Collection> collection;
  bool mixed_actors = false;                  // Of the collection's elements and its header.
  std::unique_ptr<Entry, Destroyer> covered;  // The entry already, of a record behind a cover.
};

Status Loader::read_elements(uint32_t space, const Key& key, Read* read) {
  const KeyRange range = element_range(space, key);
  const size_t prefix_bytes = range.lower.size();
  read->collection = std::make_unique<Collection>(read->type);
  const auto iterator = core_.store->iterate(Family::kElements, range.lower, range.upper);
  for (; iterator->valid(); iterator->next()) {
    ElementName element;
    ActorId actor;
    Entry::Parts parts;
    std::string counter;
    if (!decode_element_name(iterator->key(), prefix_bytes, &element) ||
        !read_element(core_.keyspace.actors, element.kind, iterator->value(), &actor, &parts, &counter)) {
      return unreadable(core_.keyspace.actors, key);
    }
    if (element.kind != element_kind_of(read->type)) continue;
    if (!suits(element.kind, element.name, parts.value)) return unreadable(core_.keyspace.actors, key);
    if (!core_.keyspace.actors.take(actor)) return too_many_actors();
    parts.key = element.name;
    parts.type = read->type;
    parts.actor = core_.keyspace.actors.index_of(actor);
    read->mixed_actors |= actor != read->actor;
    parts.flags = Entry::kOnDisk;
    read->collection->store(Table::kNotFound, hash_of(element.name), parts, 0);
  }
  read->collection->put_in_order();
  return iterator->status();
}

// A row without a cover that is all there is of a string. False when it is not.
bool Loader::read_string(Read* read) {
  std::string_view bytes;
  read->type = Type::kString;
  if (decode_simple_string(read->bytes, &read->actor, &read->stamp, &read->deadline_ms, &read->value))
    return true;
  Contribution contribution;
  if (!decode_simple_counter(read->bytes, &read->actor, &read->stamp, &read->deadline_ms, &bytes) ||
      !decode_contribution(bytes, &contribution)) {
    return false;
  }
  const ActorId base = contribution.base.actor;
  if (base != 0 && !core_.keyspace.actors.take(base)) return false;
  std::optional<std::string> value = counter_value(core_.keyspace.actors, contribution);
  if (!value.has_value()) return false;
  read->bytes = *std::move(value);
  read->value = read->bytes;
  return read->counter = true;
}

Status Loader::read(uint32_t space, const Key& key, Read* read) {
  std::string record_key;
  append_record_key(space, key, &record_key);
  core_.disk_reads.fetch_add(1, std::memory_order_relaxed);
  const ReadResult result = core_.store->get(Family::kRecords, record_key, ReadMode::kMayBlock, &read->bytes);
  if (result == ReadResult::kAbsent) return {};
  if (result != ReadResult::kFound) return {StatusCode::kIoError, "the store could not be read"};
  read->found = true;
  if (read_string(read)) return core_.keyspace.actors.take(read->actor) ? Status() : too_many_actors();
  if (has_form(read->bytes, Form::kCover)) return read_covered(space, key, read);
  uint64_t count;
  Stamp deadline_stamp = 0;
  if (!decode_simple_header(read->bytes, &read->type, &read->actor, &read->stamp, &read->deadline_ms, &count,
                            &deadline_stamp)) {
    return unreadable(core_.keyspace.actors, key);
  }
  if (!core_.keyspace.actors.take(read->actor)) return too_many_actors();
  Status status = read_elements(space, key, read);
  if (status.ok() && read->collection->size() != count) return damaged(key);
  read->collection->set_deadline_stamp(deadline_stamp);
  if (read->mixed_actors && core_.options.replicated) note_actors(read);
  return status;
}

// A collection that a node by itself went on with as a new actor: it had seen whatever it holds.
void Loader::note_actors(Read* read) {
  VersionVector context{{read->stamp, read->actor}};
  const Table& elements = read->collection->elements();
  for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
    const Entry* element = elements.entry(i);
    if (element != nullptr) context.add({element->stamp(), core_.keyspace.actors.id_of(element->actor())});
  }
  auto history = std::make_unique<History>(std::move(context));
  if (read->deadline_ms != 0) {
    const Stamp stamp = read->collection->deadline_stamp();
    history->hide(ElementKind::kDeadline, "", {{{stamp, read->actor}, "", read->deadline_ms, false}});
  }
  read->collection->set_history(std::move(history));
}

uint32_t Loader::initial_clock() const {
  return initial_access(core_.lfu.load(std::memory_order_relaxed), core_.clock.wall_ms());
}

// A record with a history, or a tombstone.
Status Loader::read_covered(uint32_t space, const Key& key, Read* read) {
  std::string_view row = read->bytes;
  Shown shown;
  Header header;
  if (!take_cover(&row, &shown) || !core_.options.replicated) return damaged(key);
  if (Status status = decode_header(row, &header); !status.ok()) {
    return status.code() == StatusCode::kCorrupt ? damaged(key) : status;
  }
  if (!supported(header.record)) return damaged(key);
  if (!take_actors(core_.keyspace.actors, header.record)) return too_many_actors();
  EntryAssembly assembly(core_.keyspace.actors, shown, header.record.context(), 0, Entry::kOnDisk);
  assembly.add(header.record);
  bool shows = shown.type == Type::kNone;
  if (shown.type == Type::kString) shows = header.record.winner(ElementKind::kValue, "") != nullptr;
  if (!header.collections.empty()) {
    const KeyRange range = element_range(space, key);
    const auto iterator = core_.store->iterate(Family::kElements, range.lower, range.upper);
    uint64_t found = 0;
    for (; iterator->valid(); iterator->next(), ++found) {
      ElementName element;
      Siblings siblings;
      if (!decode_element_name(iterator->key(), range.lower.size(), &element) ||
          !decode_element(element.kind, iterator->value(), &siblings).ok() ||
          !well_formed(element.kind, element.name, siblings) || !supported(element.kind, siblings)) {
        return damaged(key);
      }
      for (const Sibling& sibling : siblings) {
        if (!header.record.context().covers(sibling.dot)) return damaged(key);
      }
      shows |= type_of(element.kind) == shown.type;
      if (!take_actors(core_.keyspace.actors, siblings)) return too_many_actors();
      assembly.add(element.kind, element.name, std::move(siblings));
    }
    if (!iterator->status().ok()) return iterator->status();
    if (found != header.stored_apart()) return damaged(key);
  }
  if (!shows) return damaged(key);
  read->covered.reset(assembly.make(key.name, initial_clock(), Entry::kOnDisk));
  return {};
}

void Loader::install(DatabaseTables& tables, const Key& key, Read read) {
  Entry::Parts parts;
  parts.key = key.name;
  if (read.found && read.covered == nullptr) {
    parts.type = read.type;
    parts.stamp = read.stamp;
    parts.actor = core_.keyspace.actors.index_of(read.actor);
    parts.deadline_ms = read.deadline_ms;
    parts.flags = Entry::kOnDisk;
    parts.access = initial_clock();
    if (read.collection != nullptr) {
      if (read.collection->history() != nullptr) parts.flags |= Entry::kComplex;
      parts.external = read.collection.release();
    } else if (read.value.size() >= kBigValueBytes) {
      parts.external = new BigValue(read.value, nullptr);
    } else {
      parts.value = read.value;
      parts.counter = read.counter;
    }
  }
  Entry* entry = read.covered != nullptr ? read.covered.release() : Entry::create(parts);
  Table& table = tables.partition(key).table;
  const auto table_bytes = static_cast<int64_t>(table.memory_bytes());
  table.insert(key.hash, entry, 0);
  core_.keyspace.stripes.add_bytes(
      stripe_of(key.partition),
      static_cast<int64_t>(entry_bytes(*entry)) + static_cast<int64_t>(table.memory_bytes()) - table_bytes);
}

bool Loader::load_cached(DatabaseTables& tables, const Key& key) {
  std::string record_key;
  append_record_key(tables.space, key, &record_key);
  Read read;
  const ReadResult result =
      core_.store->get(Family::kRecords, record_key, ReadMode::kMemoryOnly, &read.bytes);
  if (result == ReadResult::kFound) {
    // A collection's elements need an iterator, which cannot promise to stay off the disk.
    if (!read_string(&read) || !core_.keyspace.actors.take(read.actor)) return false;
    read.found = true;
  } else if (result != ReadResult::kAbsent) {
    return false;
  }
  install(tables, key, std::move(read));
  return true;
}

Status Loader::load(int database, const Key& key) {
  Stripes& stripes = core_.keyspace.stripes;
  const uint16_t stripe = stripe_of(key.partition);
  for (int attempt = 0;; ++attempt) {
    stripes.lock(stripe);
    const std::shared_ptr<DatabaseTables> tables = core_.keyspace.databases[static_cast<size_t>(database)];
    tables->ensure_used();
    Partition& partition = tables->partition(key);
    const bool missing = !partition.complete && partition.table.find(key.hash, key.name) == Table::kNotFound;
    const uint32_t removals = partition.removals;
    const uint64_t era = core_.keyspace.actors.era();
    const bool keep_lock = missing && attempt >= kOptimisticAttempts;
    if (!keep_lock) stripes.unlock(stripe);
    if (!missing) return {};

    Read found;
    Status status = read(tables->space, key, &found);
    if (!keep_lock) stripes.lock(stripe);
    const bool current = core_.keyspace.databases[static_cast<size_t>(database)] == tables;
    // Tables that were flushed meanwhile are being freed: no look into them.
    // Nor is it known whose the indexes are by now that were found without the stripe.
    const bool valid = current && partition.removals == removals &&
                       (keep_lock || core_.keyspace.actors.era() == era) &&
                       partition.table.find(key.hash, key.name) == Table::kNotFound;
    if (status.ok() && valid) install(*tables, key, std::move(found));
    stripes.unlock(stripe);
    if (valid) return status;
    // Flushed, loaded by another, or something left the partition meanwhile: look again.
  }
}

}  // namespace starling::engine
