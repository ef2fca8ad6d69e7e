#include "engine/core/rows.h"

#include "engine/base/simple_codec.h"
#include "engine/core/entry_change.h"
#include "engine/memory/collection.h"
#include "engine/memory/record_form.h"
#include "engine/record/storage_key.h"

namespace starling::engine {

namespace {

bool due(const EngineCore& core, const Partition& partition, DirtyTag tag) {
  return core.flushing_tag != 0 && tag == core.flushing_tag && partition.swept != core.checkpoint_number;
}

std::string record_key(const DatabaseTables& tables, const Key& key) {
  std::string encoded;
  append_record_key(tables.space, key, &encoded);
  return encoded;
}

void append_row_value(const EngineCore& core, const Entry& entry, std::string* out) {
  if (core.options.replicated) return append_row(core.keyspace.actors, entry, out);
  if (is_collection(entry)) {
    encode_simple_header(entry.type(), core.keyspace.actors.id_of(entry.actor()), entry.stamp(),
                         entry.deadline_ms(), entry.collection()->size(), out);
  } else {
    encode_simple_string(core.keyspace.actors.id_of(entry.actor()), entry.stamp(), entry.deadline_ms(),
                         entry.value(), out);
  }
}

// Elements that are stored apart but not those of the collection that the entry shows. They are written with
// each header, and go by a purge.
void append_hidden_elements(const DatabaseTables& tables, const Key& key, const Entry& entry,
                            std::vector<Row>* rows) {
  for (const auto& [id, siblings] : entry.history()->hidden()) {
    if (!is_stored_apart(id.kind)) continue;
    if (is_collection(entry) && id.kind == element_kind_of(entry.type())) continue;
    Row row{Family::kElements, {}, {}, Row::Kind::kPut};
    append_element_prefix(tables.space, key, &row.key);
    append_element_name(id.kind, id.name, &row.key);
    encode_element(siblings, &row.value);
    rows->push_back(std::move(row));
  }
}

}  // namespace

void append_record_rows(EngineCore& core, const DatabaseTables& tables, const Key& key, Entry& entry,
                        std::vector<Row>* rows) {
  if (entry.has(Entry::kPurge)) {
    KeyRange range = element_range(tables.space, key);
    rows->push_back(
        {Family::kElements, std::move(range.lower), std::move(range.upper), Row::Kind::kEraseRange});
    if (is_collection(entry)) entry.collection()->set_purged_in(core.checkpoint_number);
  }
  Row row{Family::kRecords, record_key(tables, key), {}, Row::Kind::kPut};
  if (entry.tombstone() && (!core.options.replicated || forgotten(entry))) {
    row.kind = Row::Kind::kErase;
  } else {
    append_row_value(core, entry, &row.value);
  }
  if (entry.has(Entry::kComplex)) append_hidden_elements(tables, key, entry, rows);
  if (!entry.tombstone() && entry.deadline_ms() != 0) {
    Row deadline{Family::kDeadlines, {}, {}, Row::Kind::kPut};
    append_deadline_key(entry.deadline_ms(), row.key, &deadline.key);
    rows->push_back(std::move(deadline));
  }
  rows->push_back(std::move(row));
  entry.set_flag(Entry::kOnDisk);
}

void append_element_row(EngineCore& core, const DatabaseTables& tables, const Key& key,
                        const Collection& collection, Entry& element, std::vector<Row>* rows) {
  Row row{Family::kElements, {}, {}, Row::Kind::kPut};
  append_element_prefix(tables.space, key, &row.key);
  append_element_name(element_kind_of(collection.type()), element.key(), &row.key);
  if (element.tombstone()) {
    row.kind = Row::Kind::kErase;
  } else if (collection.history() != nullptr || element.counter()) {
    encode_element(siblings_of(core.keyspace.actors, collection, element), &row.value);
  } else {
    encode_simple_element(core.keyspace.actors.id_of(element.actor()), element.stamp(), element.value(),
                          &row.value);
  }
  rows->push_back(std::move(row));
  element.set_flag(Entry::kOnDisk);
}

void append_dirty_elements(EngineCore& core, const DatabaseTables& tables, const Key& key,
                           const Collection& collection, DirtyTag tag, std::vector<Row>* rows) {
  if (collection.dirty_count(tag) == 0) return;
  const Table& elements = collection.elements();
  for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
    if (elements.entry(i) != nullptr && elements.tag(i) == tag) {
      append_element_row(core, tables, key, collection, *elements.entry(i), rows);
    }
  }
}

bool must_save(const EngineCore& core, const Partition& partition, Table::Slot slot) {
  const Entry& entry = *partition.table.entry(slot);
  return due(core, partition,
             is_collection(entry) ? entry.collection()->header_tag() : partition.table.tag(slot));
}

void save_before_change(EngineCore& core, const DatabaseTables& tables, const Partition& partition,
                        Table::Slot slot, const Key& key) {
  if (!must_save(core, partition, slot)) return;
  Entry& entry = *partition.table.entry(slot);
  std::vector<Row> rows;
  append_record_rows(core, tables, key, entry, &rows);
  for (Row& row : rows) core.saved_rows.add(tables.space, key.partition, std::move(row));
}

void save_before_removal(EngineCore& core, const DatabaseTables& tables, const Partition& partition,
                         Table::Slot slot, const Key& key) {
  save_before_change(core, tables, partition, slot, key);
  Entry& entry = *partition.table.entry(slot);
  if (!is_collection(entry) || !due(core, partition, core.flushing_tag)) return;
  std::vector<Row> rows;
  append_dirty_elements(core, tables, key, *entry.collection(), core.flushing_tag, &rows);
  for (Row& row : rows) core.saved_rows.add(tables.space, key.partition, std::move(row));
}

void save_element_before_change(EngineCore& core, const DatabaseTables& tables, const Partition& partition,
                                const Collection& collection, Table::Slot element_slot, const Key& key) {
  if (!due(core, partition, collection.elements().tag(element_slot))) return;
  std::vector<Row> rows;
  append_element_row(core, tables, key, collection, *collection.elements().entry(element_slot), &rows);
  for (Row& row : rows) core.saved_rows.add(tables.space, key.partition, std::move(row));
}

}  // namespace starling::engine
