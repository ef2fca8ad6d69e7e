// A collection changes in place. See record_change.h.
#include <utility>

#include "engine/base/assert.h"
#include "engine/change/change_parts.h"
#include "engine/change/record_change.h"
#include "engine/core/change_capture.h"
#include "engine/core/rows.h"
#include "engine/memory/record_form.h"

namespace starling::engine {

void give_history(const ActorTable& actors, Entry* entry) {
  if (entry->has(Entry::kComplex)) return;
  auto history = std::make_unique<History>(context_of(actors, entry));
  history->hide(ElementKind::kDeadline, "", deadline_siblings(actors, *entry));
  entry->collection()->set_history(std::move(history));
  entry->set_flag(Entry::kComplex);
}

CollectionChange::CollectionChange(const OpenCollection& open)
    : operation_(*open.operation_),
      core_(open.operation_->core_),
      tables_(*open.tables_),
      key_(open.key_),
      entry_(open.entry_),
      collection_(*open.collection_),
      index_(open.index_) {
  operation_.changed_ = true;
  core_.keyspace.changes.add(key_.partition);
  tally_before(core_, index_, key_, *entry_);
  if (core_.durable() && collection_.header_tag() != core_.current_tag) tag_header();
  bytes_before_ = static_cast<int64_t>(collection_.memory_bytes());
}

CollectionChange::~CollectionChange() {
  STARLING_ASSERT(finished_);
}

Table::Slot CollectionChange::slot() const {
  const Table& table = partition().table;
  const Table::Slot slot = table.find(key_.hash, key_.name);
  STARLING_ASSERT(slot != Table::kNotFound && table.entry(slot) == entry_);
  return slot;
}

// Once for each checkpoint.
void CollectionChange::tag_header() {
  const Table::Slot slot = this->slot();
  save_before_change(core_, tables_, partition(), slot, key_);
  tag_changed(core_, partition(), slot, key_, *entry_);
}

void CollectionChange::open() {
  if (operation_.open_tables_ == &tables_ && operation_.open_key_ == key_.name) return;
  Mutation mutation;
  mutation.kind = MutationKind::kOpen;
  mutation.space = tables_.space;
  mutation.key = key_.name;
  mutation.type = collection_.type();
  mutation.was = kWasLive;
  mutation.stamp = entry_->stamp();
  operation_.log(mutation);
  operation_.open_tables_ = &tables_;
  operation_.open_key_ = key_.name;
}

void CollectionChange::begin_event_of_cluster(ElementKind kind, std::string_view name) {
  if (operation_.captured_ != nullptr) {
    ChangeCapture capture(*operation_.captured_);
    capture.element(capture.part(index_, key_, *entry_, core_.keyspace.actors), kind, name);
  }
  if (collection_.history() != nullptr) {
    if (kind != ElementKind::kDeadline) supersede_foreign(kind);
  } else if (!operation_.only_actor_of(entry_)) {
    need_history();
  }
}

void CollectionChange::need_history() {
  give_history(core_.keyspace.actors, entry_);
}

// A change of an element supersedes whatever of other types the key does not show.
void CollectionChange::supersede_foreign(ElementKind kind) {
  History& history = *collection_.history();
  if (!history.has_foreign(kind)) return;
  if (operation_.captured_ != nullptr) ChangeCapture(*operation_.captured_).whole(index_, key_);
  save_before_removal(core_, tables_, partition(), slot(), key_);
  if (!history.drop_foreign(kind) || !core_.durable()) return;
  // Their rows go with all rows of elements; the ones that stay are written once more.
  entry_->set_flag(Entry::kPurge);
  collection_.set_purged_in(0);
  collection_.mark_all(core_.current_tag);
}

void CollectionChange::save_element(Table::Slot slot) {
  save_element_before_change(core_, tables_, partition(), collection_, slot, key_);
}

Stamp CollectionChange::event(ElementKind kind, std::string_view name) {
  const Stamp stamp = operation_.next_stamp();
  if (History* history = collection_.history()) {
    history->context().add({stamp, operation_.actor()});
    history->drop(kind, name);
  }  // Else it is one actor's: the entry's dot is all of the context.
  entry_->set_stamp(stamp);
  entry_->set_actor(operation_.actor_index());
  return stamp;
}

Entry* CollectionChange::set_deadline(int64_t deadline_ms) {
  const int64_t old_deadline_ms = entry_->deadline_ms();
  Entry* const entry = with_deadline(entry_, deadline_ms);
  if (entry != entry_) {
    const Table::Slot slot = this->slot();
    account(core_, partition(), slot, key_,
            static_cast<int64_t>(entry->allocated_bytes()) - static_cast<int64_t>(entry_->allocated_bytes()));
    partition().table.replace(slot, entry);
    entry_->clear_flag(Entry::kExternal);  // The new entry owns it now.
    Entry::destroy(std::exchange(entry_, entry));
    tables_.add_with_deadline(partition(), deadline_ms != kNoDeadline ? 1 : -1);
  }
  index_deadline(core_, tables_, key_, deadline_ms, operation_.replaying_ ? kNoDeadline : old_deadline_ms);
  return entry_;
}

void CollectionChange::finish(const Mutation& mutation) {
  finished_ = true;
  const int64_t change = static_cast<int64_t>(collection_.memory_bytes()) - bytes_before_;
  if (change != 0) {
    core_.keyspace.stripes.add_bytes(stripe_of(key_.partition), change);
    if (core_.durable()) core_.keyspace.stripes.add_dirty_bytes(stripe_of(key_.partition), change);
  }
  tally_after(core_, index_, key_, *entry_);
  operation_.log(mutation);
  if (!operation_.replaying_) core_.observer.modified(index_, key_.name);
}

}  // namespace starling::engine
