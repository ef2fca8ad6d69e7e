// Moving a record to another key. See operation.h.
#include "engine/base/assert.h"
#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/memory/collection.h"
#include "engine/memory/history.h"
#include "engine/memory/kept_actors.h"

namespace starling::engine {

namespace {

// Its value is another entry's now: what stays is a string of no consequence, soon to be removed.
void hollow_out(Entry* entry) {
  const uint8_t flags = inherited_flags(entry);
  entry->clear_flag(Entry::kTypeMask | Entry::kExternal | Entry::kComplex);
  entry->set_flag(static_cast<uint8_t>(Type::kString));
  entry->set_flag(flags);
}

// An entry of these parts that has what `from` holds; that is left hollow.
Entry* take_over(Entry::Parts parts, Entry* from, DirtyTag tag) {
  parts.type = from->type();
  parts.deadline_ms = from->deadline_ms();
  parts.access = from->access();
  parts.flags |= from->flags() & Entry::kComplex;
  if (is_collection(*from)) {
    Collection* collection = from->collection();
    // The store has none of the elements under this key.
    if (tag != 0) collection->mark_all(tag);
    collection->set_purged_in(0);
    parts.external = collection;
  } else if (from->has(Entry::kExternal)) {
    parts.external = from->big_value();
  } else {
    parts.value = from->value();
  }
  Entry* entry = Entry::create(parts);
  hollow_out(from);
  return entry;
}

}  // namespace

void Database::move(const Key& from, Database& target, const Key& to) {
  const Found found = find(from, Touch::kNo);
  STARLING_ASSERT(found);
  const int frequency = found.frequency();
  if (core_->rules.copies && !operation_->replaying_) {
    copy(from, target, to);
    target.set_access(to, 0, frequency);
    remove(from);
    return;
  }
  target.remove(to);
  Partition& partition = tables_->partition(from);
  RecordChange leaving(*this, partition, partition.table.find(from.hash, from.name), from);
  Entry* const left = leaving.keep();
  ActorTable& actors = core_->keyspace.actors;
  // Only where a single node's log is replayed in a cluster: the elements are events of an actor before the one
  // that moves them.
  if (is_collection(*left) && !operation_->only_actor_of(left)) give_history(actors, left);

  Partition& new_partition = target.tables_->partition(to);
  RecordChange arriving(target, new_partition, new_partition.table.find(to.hash, to.name), to);
  Entry::Parts parts;
  parts.key = to.name;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  parts.flags = arriving.flags();
  Entry* const entry = take_over(parts, left, operation_->dirty_tag());
  leaving.finish(nullptr, Tell::kNo);  // Before the other's entry may make its table grow.
  // A sweep may have been here, and not yet where it came from.
  if (actors.sweeping()) keep_actors(actors, *entry);
  // Only where a single node's log is replayed in a cluster.
  if (History* history = entry->history()) history->context().add({parts.stamp, operation_->actor()});
  arriving.replace(entry);
  Mutation mutation = arriving.mutation(MutationKind::kMove);
  mutation.space = tables_->space;
  mutation.key = from.name;
  mutation.target_space = target.tables_->space;
  mutation.value = to.name;
  arriving.finish(&mutation);
  target.set_access(to, 0, frequency);
  // The log says so too: replaying the move leaves the hollow entry to this removal.
  if (!operation_->replaying_) remove(from);
}

}  // namespace starling::engine
