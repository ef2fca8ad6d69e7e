// Moving a record to another key. See operation.h.
#include "engine/base/assert.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"
#include "engine/memory/history.h"
#include "engine/memory/version_tally.h"
#include "engine/node/actor_sweep.h"

namespace starling::engine {

namespace {

// Its value is another entry's now: what stays is a string of no consequence, soon to be removed.
void hollow_out(Entry* entry) {
  const uint8_t flags = inherited_flags(entry);
  entry->clear_flag(Entry::kTypeMask | Entry::kExternal | Entry::kComplex);
  entry->set_flag(static_cast<uint8_t>(Type::kString));
  entry->set_flag(flags);
}

}  // namespace

// The key gets a record that takes over what `from` holds, which is left hollow. Precondition: it has none that is
// live. Returns the event; `*was` is for the log.
Stamp Database::take_over(const Key& key, Entry* from, uint8_t* was) {
  Partition& partition = tables_->partition(key);
  Table::Slot slot = partition.table.find(key.hash, key.name);
  const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  if (old != nullptr) save_before_change(*core_, *tables_, partition, slot, key);
  tally_before(*core_, index_, key, old);
  Entry::Parts parts;
  parts.key = key.name;
  parts.type = from->type();
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  parts.deadline_ms = from->deadline_ms();
  parts.access = from->access();
  parts.flags = inherited_flags(old) | (operation_->replaying_ ? Entry::kOnDisk : 0);
  *was = was_bits(old, parts.flags);
  parts.flags |= from->flags() & Entry::kComplex;
  if (is_collection(*from)) {
    Collection* collection = from->collection();
    // The store has none of the elements under this key.
    if (core_->durable()) collection->mark_all(core_->current_tag);
    collection->set_purged_in(0);
    parts.external = collection;
  } else if (from->has(Entry::kExternal)) {
    parts.external = from->big_value();
  } else {
    parts.value = from->value();
  }
  Entry* entry = Entry::create(parts);
  hollow_out(from);
  // A sweep may have been here, and not yet where it came from.
  if (ActorTable& actors = core_->keyspace.actors; actors.sweeping()) keep_actors(actors, *entry);
  // Only where a single node's log is replayed in a cluster.
  if (History* history = entry->history())
    history->context().add({parts.stamp, core_->keyspace.actors.id_of(parts.actor)});
  slot = replace_entry(partition, slot, key, entry);
  tables_->add_live(partition, 1);
  if (parts.deadline_ms != 0) {
    tables_->add_with_deadline(partition, 1);
    core_->deadlines.add(tables_->deadline_slot, key, parts.deadline_ms);
  }
  install_changed(partition, slot, key, entry);
  return parts.stamp;
}

void Database::move(const Key& from, Database& target, const Key& to) {
  const Found found = find(from, Touch::kNo);
  STARLING_ASSERT(found);
  const int frequency = found.frequency();
  if (core_->options.replicated && !operation_->replaying_) {
    copy(from, target, to);
    target.set_access(to, 0, frequency);
    remove(from);
    return;
  }
  target.remove(to);
  Partition& partition = tables_->partition(from);
  Table::Slot slot = partition.table.find(from.hash, from.name);
  Entry* entry = partition.table.entry(slot);
  save_before_removal(*core_, *tables_, partition, slot, from);
  tally_before(*core_, index_, from, entry);
  // Only where a single node's log is replayed in a cluster: the elements are events of an actor before the one
  // that moves them.
  if (core_->options.replicated && is_collection(*entry) && entry->actor() != operation_->actor_index())
    make_history(partition, slot, from);
  const auto bytes = static_cast<int64_t>(entry_bytes(*entry));
  Mutation mutation;
  mutation.kind = MutationKind::kMove;
  mutation.stamp = target.take_over(to, entry, &mutation.was);
  target.set_access(to, 0, frequency);
  slot = partition.table.find(from.hash, from.name);  // The new entry may have made its table grow.
  const auto change = static_cast<int64_t>(entry_bytes(*entry)) - bytes;
  operation_->add_bytes(from.partition, change);
  if (partition.table.tag(slot) != 0) operation_->add_dirty_bytes(from.partition, change);
  install_changed(partition, slot, from, entry);
  if (operation_->open_key_ == from.name || operation_->open_key_ == to.name)
    operation_->open_tables_ = nullptr;
  mutation.space = tables_->space;
  mutation.key = from.name;
  mutation.target_space = target.tables_->space;
  mutation.value = to.name;
  operation_->log(mutation);
  if (!operation_->replaying_) core_->observer.modified(target.index_, to.name);
  // The log says so too: replaying the move leaves the hollow entry to this removal.
  if (!operation_->replaying_) remove(from);
}

}  // namespace starling::engine
