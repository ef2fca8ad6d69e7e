#include "engine/loader.h"

#include <memory>
#include <utility>

#include "engine/collection.h"
#include "engine/simple_codec.h"
#include "engine/storage_key.h"

namespace starling::engine {

namespace {

// Attempts before a reader that keeps losing against evictions of the same partition takes its stripe for the
// read.
constexpr int kOptimisticAttempts = 16;

Status damaged(const Key& key) {
  return {StatusCode::kCorrupt, "the record of key '" + std::string(key.name.substr(0, 64)) + "' is damaged"};
}

}  // namespace

// What the store has of one key, decoded.
struct Loader::Read {
  bool found = false;
  std::string bytes;
  Type type = Type::kNone;
  ActorId actor = 0;
  Stamp stamp = 0;
  int64_t deadline_ms = 0;
  std::string_view value;  // Into bytes.
  std::unique_ptr<Collection> collection;
};

Status Loader::read_elements(uint32_t space, const Key& key, Read* read) {
  const KeyRange range = element_range(space, key);
  const size_t prefix_bytes = range.lower.size();
  read->collection = std::make_unique<Collection>(read->type);
  const auto iterator = core_.store->iterate(Family::kElements, range.lower, range.upper);
  for (; iterator->valid(); iterator->next()) {
    ElementName element;
    Entry::Parts parts;
    ActorId actor;
    if (!decode_element_name(iterator->key(), prefix_bytes, &element) ||
        !decode_simple_element(iterator->value(), &actor, &parts.stamp, &parts.value)) {
      return damaged(key);
    }
    if (element.kind != element_kind_of(read->type)) continue;
    parts.key = element.name;
    parts.type = read->type;
    parts.actor = core_.keyspace.actors.index_of(actor);
    parts.flags = Entry::kOnDisk;
    Entry* entry = Entry::create(parts);
    read->collection->elements().insert(hash_of(element.name), entry, 0);
    read->collection->add_bytes(static_cast<int64_t>(entry->allocated_bytes()));
    read->collection->add_count(1);
  }
  return iterator->status();
}

Status Loader::read(uint32_t space, const Key& key, Read* read) {
  std::string record_key;
  append_record_key(space, key, &record_key);
  core_.disk_reads.fetch_add(1, std::memory_order_relaxed);
  const ReadResult result = core_.store->get(Family::kRecords, record_key, ReadMode::kMayBlock, &read->bytes);
  if (result == ReadResult::kAbsent) return {};
  if (result != ReadResult::kFound) return {StatusCode::kIoError, "the store could not be read"};
  read->found = true;
  if (decode_simple_string(read->bytes, &read->actor, &read->stamp, &read->deadline_ms, &read->value)) {
    read->type = Type::kString;
    return {};
  }
  uint64_t count;
  if (!decode_simple_header(read->bytes, &read->type, &read->actor, &read->stamp, &read->deadline_ms,
                            &count)) {
    return damaged(key);
  }
  Status status = read_elements(space, key, read);
  if (status.ok() && read->collection->size() != count) return damaged(key);
  return status;
}

void Loader::install(DatabaseTables& tables, const Key& key, Read read) {
  Entry::Parts parts;
  parts.key = key.name;
  if (read.found) {
    parts.type = read.type;
    parts.stamp = read.stamp;
    parts.actor = core_.keyspace.actors.index_of(read.actor);
    parts.deadline_ms = read.deadline_ms;
    parts.flags = Entry::kOnDisk;
    parts.access = initial_access(core_.lfu.load(std::memory_order_relaxed), core_.clock.wall_ms());
    if (read.collection != nullptr) {
      parts.external = read.collection.release();
    } else if (read.value.size() >= kBigValueBytes) {
      auto* big = new BigValue{std::shared_ptr<char[]>(new char[read.value.size()]), read.value.size(),
                               read.value.size()};
      read.value.copy(big->bytes.get(), read.value.size());
      parts.external = big;
    } else {
      parts.value = read.value;
    }
  }
  Entry* entry = Entry::create(parts);
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
    if (!decode_simple_string(read.bytes, &read.actor, &read.stamp, &read.deadline_ms, &read.value))
      return false;
    read.found = true;
    read.type = Type::kString;
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
    const bool keep_lock = missing && attempt >= kOptimisticAttempts;
    if (!keep_lock) stripes.unlock(stripe);
    if (!missing) return {};

    Read found;
    Status status = read(tables->space, key, &found);
    if (!keep_lock) stripes.lock(stripe);
    const bool current = core_.keyspace.databases[static_cast<size_t>(database)] == tables;
    // Tables that were flushed meanwhile are being freed: no look into them.
    const bool valid = current && partition.removals == removals &&
                       partition.table.find(key.hash, key.name) == Table::kNotFound;
    if (status.ok() && valid) install(*tables, key, std::move(found));
    stripes.unlock(stripe);
    if (valid) return status;
    // Flushed, loaded by another, or something left the partition meanwhile: look again.
  }
}

}  // namespace starling::engine
