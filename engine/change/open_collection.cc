// Changing collections within an operation. See operation.h.
#include "engine/base/assert.h"
#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/memory/collection.h"
#include "engine/memory/record_form.h"

namespace starling::engine {

OpenCollection Database::open(const Key& key, Type type) {
  Partition& partition = tables_->partition(key);
  Table::Slot slot = locate(partition, key);
  Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  if (old != nullptr && !old->tombstone()) {
    STARLING_ASSERT(old->type() == type);
    return OpenCollection(*this, key, old);
  }
  return OpenCollection(
      *this, key, install_collection(partition, slot, key, std::make_unique<Collection>(type), Tell::kNo));
}

OpenCollection::OpenCollection(const Database& database, const Key& key, Entry* entry)
    : operation_(database.operation_),
      tables_(database.tables_),
      index_(database.index_),
      key_(key),
      entry_(entry),
      collection_(entry->collection()) {}

std::optional<VersionVector> OpenCollection::seen() const {
  if (!operation_->core_.rules.histories) return std::nullopt;
  return context_of(operation_->core_.keyspace.actors, entry_);
}

Dot OpenCollection::dot_of(const Entry& element) const {
  return {element.stamp(), operation_->core_.keyspace.actors.id_of(element.actor())};
}

ActorId OpenCollection::actor() const {
  return operation_->actor();
}
Dot OpenCollection::birth() const {
  return operation_->birth();
}

bool OpenCollection::put(std::string_view name, std::string_view value) {
  return put(name, value, hash_of(name));
}

bool OpenCollection::put(std::string_view name, std::string_view value, uint64_t hash) {
  const Table& elements = collection_->elements();
  const Table::Slot slot = elements.find(hash, name);
  const bool is_new = slot == Table::kNotFound || elements.entry(slot)->tombstone();
  if (!is_new && collection_->type() == Type::kSet && !operation_->replaying_) return false;
  const ElementKind kind = element_kind_of(collection_->type());
  CollectionChange change(*this);
  change.open();
  change.begin_event(kind, name);
  change.save(slot);
  Entry::Parts parts;
  parts.key = name;
  parts.value = value;
  parts.type = collection_->type();
  parts.stamp = change.event(kind, name);
  parts.actor = operation_->actor_index();
  store_element(slot, hash, parts);
  Mutation mutation;
  mutation.kind = MutationKind::kPutElement;
  mutation.key = name;
  mutation.value = value;
  mutation.stamp = parts.stamp;
  change.finish(mutation);
  return is_new;
}

// Puts the element in place of what is in the slot, which may be Table::kNotFound.
void OpenCollection::store_element(Table::Slot slot, uint64_t hash, Entry::Parts parts) {
  parts.flags = operation_->replaying_ ? Entry::kOnDisk : 0;
  collection_->store(slot, hash, parts, operation_->dirty_tag());
}

bool OpenCollection::remove(std::string_view name) {
  const Table& elements = collection_->elements();
  const Table::Slot slot = elements.find(hash_of(name), name);
  if (slot == Table::kNotFound || elements.entry(slot)->tombstone()) return false;
  if (collection_->size() == 1) {
    Database database(*operation_, index_);
    Partition& partition = tables_->partition(key_);
    database.erase_slot(partition, partition.table.find(key_.hash, key_.name), key_);
    return true;
  }
  const ElementKind kind = element_kind_of(collection_->type());
  CollectionChange change(*this);
  change.open();
  change.begin_event(kind, name);
  change.save(slot);
  Mutation mutation;
  mutation.kind = MutationKind::kEraseElement;
  mutation.key = name;
  mutation.stamp = change.event(kind, name);
  Entry* old = collection_->take(slot, mutation.stamp, operation_->actor_index(), operation_->dirty_tag());
  change.finish(mutation);
  Entry::destroy(old);  // Last: `name` may point into it.
  return true;
}

void OpenCollection::set_deadline(int64_t deadline_ms) {
  CollectionChange change(*this);
  change.begin_event(ElementKind::kDeadline, "");
  entry_ = change.set_deadline(deadline_ms);
  Mutation mutation;
  mutation.kind = MutationKind::kDeadline;
  mutation.space = tables_->space;
  mutation.key = key_.name;
  mutation.stamp = change.event(ElementKind::kDeadline, "");
  mutation.deadline_ms = deadline_ms;
  collection_->set_deadline_stamp(deadline_ms == kNoDeadline ? 0 : mutation.stamp);
  if (History* history = collection_->history(); history != nullptr && deadline_ms != kNoDeadline) {
    const Dot dot{mutation.stamp, operation_->actor()};
    history->hide(ElementKind::kDeadline, "", {{dot, "", deadline_ms, false}});
  }
  change.finish(mutation);
}

}  // namespace starling::engine
