// Changing collections within an operation. See operation.h.
#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"

namespace starling::engine {

OpenCollection Database::open(const Key& key, Type type) {
  Partition& partition = tables_->partition(key);
  Table::Slot slot = locate(partition, key);
  Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  if (old != nullptr && !old->tombstone()) {
    STARLING_ASSERT(old->type() == type);
    return OpenCollection(*this, key, old);
  }
  return OpenCollection(*this, key,
                        install_collection(partition, slot, key, std::make_unique<Collection>(type)));
}

OpenCollection::OpenCollection(const Database& database, const Key& key, Entry* entry)
    : operation_(database.operation_),
      tables_(database.tables_),
      index_(database.index_),
      key_(key),
      entry_(entry),
      collection_(entry->collection()) {}

// Before each change, cheaply but for the first one: the header is saved, tagged, and the frame says which
// collection the elements belong to. The change must end with tally_after().
void OpenCollection::begin_change() {
  prepare_header();
  if (operation_->open_tables_ == tables_ && operation_->open_key_ == key_.name) return;
  Mutation mutation;
  mutation.kind = MutationKind::kOpen;
  mutation.space = tables_->space;
  mutation.key = key_.name;
  mutation.type = collection_->type();
  mutation.was = kWasLive;
  mutation.stamp = entry_->stamp();
  operation_->log(mutation);
  operation_->open_tables_ = tables_;
  operation_->open_key_ = key_.name;
}

void OpenCollection::prepare_header() {
  EngineCore& core = operation_->core_;
  operation_->changed_ = true;
  core.keyspace.changes.add(key_.partition);
  tally_before(core, index_, key_, entry_);
  if (core.durable() && collection_->header_tag() != core.current_tag) {
    Partition& partition = tables_->partition(key_);
    const Table::Slot slot = partition.table.find(key_.hash, key_.name);
    STARLING_ASSERT(slot != Table::kNotFound && partition.table.entry(slot) == entry_);
    save_before_change(core, *tables_, partition, slot, key_);
    if (partition.table.tag(slot) == 0) {
      ++partition.dirty;
      operation_->add_dirty_bytes(key_.partition, static_cast<int64_t>(entry_bytes(*entry_)));
    }
    partition.table.set_tag(slot, core.current_tag);
    collection_->set_header_tag(core.current_tag);
  }
}

bool OpenCollection::put(std::string_view name, std::string_view value) {
  return put(name, value, hash_of(name));
}

bool OpenCollection::put(std::string_view name, std::string_view value, uint64_t hash) {
  EngineCore& core = operation_->core_;
  const Table& elements = collection_->elements();
  const Table::Slot slot = elements.find(hash, name);
  const Entry* old = slot == Table::kNotFound ? nullptr : elements.entry(slot);
  const bool is_new = old == nullptr || old->tombstone();
  if (!is_new && collection_->type() == Type::kSet && !operation_->replaying_) return false;
  begin_change();
  const bool replicated = core.options.replicated;
  if (replicated) begin_replicated_change(name);
  if (old != nullptr) {
    save_element_before_change(core, *tables_, tables_->partition(key_), *collection_, slot, key_);
  }
  const auto before = static_cast<int64_t>(collection_->memory_bytes());
  Entry::Parts parts;
  parts.key = name;
  parts.value = value;
  parts.type = collection_->type();
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  store_element(slot, hash, parts);
  if (replicated) join_event(parts.stamp, name);
  entry_->set_stamp(parts.stamp);
  entry_->set_actor(parts.actor);
  tally_after(core, index_, key_, *entry_);
  account(static_cast<int64_t>(collection_->memory_bytes()) - before);
  Mutation mutation;
  mutation.kind = MutationKind::kPutElement;
  mutation.key = name;
  mutation.value = value;
  mutation.stamp = parts.stamp;
  operation_->log(mutation);
  if (!operation_->replaying_) core.observer.modified(index_, key_.name);
  return is_new;
}

// Puts the element in place of what is in the slot, which may be Table::kNotFound.
void OpenCollection::store_element(Table::Slot slot, uint64_t hash, Entry::Parts parts) {
  parts.flags = operation_->replaying_ ? Entry::kOnDisk : 0;
  collection_->store(slot, hash, parts, operation_->dirty_tag());
}

void OpenCollection::account(int64_t change) {
  if (change == 0) return;
  operation_->add_bytes(key_.partition, change);
  if (operation_->core_.durable()) operation_->add_dirty_bytes(key_.partition, change);
}

bool OpenCollection::remove(std::string_view name) {
  EngineCore& core = operation_->core_;
  const Table& elements = collection_->elements();
  const Table::Slot slot = elements.find(hash_of(name), name);
  if (slot == Table::kNotFound || elements.entry(slot)->tombstone()) return false;
  if (collection_->size() == 1) {
    Database database(*operation_, index_);
    Partition& partition = tables_->partition(key_);
    const Table::Slot record = partition.table.find(key_.hash, key_.name);
    database.erase_slot(partition, record, key_);
    return true;
  }
  begin_change();
  if (core.options.replicated) begin_replicated_change(name);
  save_element_before_change(core, *tables_, tables_->partition(key_), *collection_, slot, key_);
  const auto before = static_cast<int64_t>(collection_->memory_bytes());
  Mutation mutation;
  mutation.kind = MutationKind::kEraseElement;
  mutation.key = name;
  mutation.stamp = operation_->next_stamp();
  operation_->log(mutation);

  Entry* old = collection_->take(slot, mutation.stamp, operation_->actor_index(), operation_->dirty_tag());
  if (core.options.replicated) join_event(mutation.stamp, name);
  entry_->set_stamp(mutation.stamp);
  entry_->set_actor(operation_->actor_index());
  tally_after(core, index_, key_, *entry_);
  account(static_cast<int64_t>(collection_->memory_bytes()) - before);
  if (!operation_->replaying_) core.observer.modified(index_, key_.name);
  Entry::destroy(old);  // Last: `name` may point into it.
  return true;
}

}  // namespace starling::engine
