// Collections that become records: empty ones, and such as were made apart. See operation.h.
#include <utility>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"

namespace starling::engine {

bool Database::put_collection(const Key& key, std::unique_ptr<Collection> collection) {
  STARLING_ASSERT(collection->size() != 0);
  const bool existed = remove(key);
  collection->fit();
  Partition& partition = tables_->partition(key);
  install_collection(partition, locate(partition, key), key, std::move(collection));
  if (!operation_->replaying_) core_->observer.modified(index_, key.name);
  return existed;
}

// In place of a tombstone, or of nothing: then `slot` is Table::kNotFound.
Entry* Database::install_collection(Partition& partition, Table::Slot slot, const Key& key,
                                    std::unique_ptr<Collection> collection) {
  Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  Entry::Parts parts;
  parts.key = key.name;
  parts.type = collection->type();
  parts.actor = operation_->actor_index();
  parts.access = initial_access(core_->lfu.load(std::memory_order_relaxed), operation_->now_ms());
  if (old != nullptr) {
    save_before_change(*core_, *tables_, partition, slot, key);
    tally_before(*core_, index_, key, old);
    parts.flags = inherited_flags(old);
  }
  if (operation_->replaying_) parts.flags |= Entry::kOnDisk;
  parts.stamp = log_open(key, parts.type, parts.flags);
  if (collection->size() != 0) parts.stamp = log_elements(*collection);
  if (core_->options.replicated) {
    std::unique_ptr<History> history = history_after(old);
    if (history != nullptr) {
      history->context().add({parts.stamp, core_->keyspace.actors.id_of(parts.actor)});
      parts.flags |= Entry::kComplex;
      collection->set_history(std::move(history));
    }
    if (operation_->captured_ != nullptr) ChangeCapture(*operation_->captured_).whole(index_, key);
  }
  collection->put_in_order();
  parts.external = collection.release();
  Entry* entry = Entry::create(parts);
  slot = replace_entry(partition, slot, key, entry);
  tables_->add_live(partition, 1);
  install_changed(partition, slot, key, entry);
  return entry;
}

// Returns the stamp of a collection without elements.
Stamp Database::log_open(const Key& key, Type type, uint8_t flags) {
  Mutation mutation;
  mutation.kind = MutationKind::kOpen;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.type = type;
  mutation.was = (flags & Entry::kPurge) != 0 ? kWasPurge : 0;
  mutation.stamp = operation_->next_stamp();
  operation_->log(mutation);
  operation_->open_tables_ = tables_;
  operation_->open_key_ = key.name;
  return mutation.stamp;
}

// Makes events of the elements of a collection that is to be a record, as if they had been put one by one. Returns
// the last one's stamp.
Stamp Database::log_elements(Collection& collection) {
  Mutation mutation;
  mutation.kind = MutationKind::kPutElement;
  operation_->reserve_frame(collection.memory_bytes());
  collection.elements().for_each([&](Entry& element) {
    mutation.stamp = operation_->next_stamp();
    element.set_stamp(mutation.stamp);
    element.set_actor(operation_->actor_index());
    mutation.key = element.key();
    mutation.value = element.value();
    operation_->log(mutation);
  });
  if (core_->durable()) collection.mark_all(core_->current_tag);
  return mutation.stamp;
}

}  // namespace starling::engine
