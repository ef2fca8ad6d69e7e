// Collections that become records: empty ones, and such as were made apart. See operation.h.
#include <utility>

#include "engine/base/assert.h"
#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/memory/collection.h"

namespace starling::engine {

bool Database::put_collection(const Key& key, std::unique_ptr<Collection> collection) {
  STARLING_ASSERT(collection->size() != 0);
  const bool existed = remove(key);
  collection->fit();
  Partition& partition = tables_->partition(key);
  install_collection(partition, locate(partition, key), key, std::move(collection), Tell::kYes);
  return existed;
}

// In place of a tombstone, or of nothing: then `slot` is Table::kNotFound.
Entry* Database::install_collection(Partition& partition, Table::Slot slot, const Key& key,
                                    std::unique_ptr<Collection> collection, Tell tell) {
  RecordChange change(*this, partition, slot, key);
  change.capture();
  Entry::Parts parts;
  parts.type = collection->type();
  parts.actor = operation_->actor_index();
  parts.access = change.access();
  parts.stamp = log_open(change, key, parts.type);
  if (collection->size() != 0) parts.stamp = log_elements(*collection);
  if (std::unique_ptr<History> history = change.history_after(); history != nullptr) {
    history->context().add({parts.stamp, operation_->actor()});
    parts.flags = Entry::kComplex;
    collection->set_history(std::move(history));
  }
  collection->put_in_order();
  parts.external = collection.release();
  change.put(parts);
  change.finish(nullptr, tell);
  return change.entry();
}

// Returns the stamp of a collection without elements.
Stamp Database::log_open(const RecordChange& change, const Key& key, Type type) {
  Mutation mutation = change.mutation(MutationKind::kOpen);
  mutation.type = type;
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
