// What changes of records and of collections in place have in common: only for record_change.cc and
// collection_change.cc.
#pragma once

#include <cstdint>

#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/operation.h"
#include "engine/memory/collection.h"

namespace starling::engine {

// In a cluster the tally of its partition follows each record; on a node by itself nothing does.
inline void tally_before(EngineCore& core, int database, const Key& key, const Entry& entry) {
  VersionTallies& tallies = core.keyspace.tallies;
  if (tallies.enabled()) tallies.before(core.keyspace, database, key, entry);
}
inline void tally_after(EngineCore& core, int database, const Key& key, const Entry& entry) {
  VersionTallies& tallies = core.keyspace.tallies;
  if (tallies.enabled()) tallies.after(core.keyspace, database, key, entry);
}

// So many bytes more of what is in the slot. Those of what waits for a checkpoint are counted apart as well.
inline void account(EngineCore& core, const Partition& partition, Table::Slot slot, const Key& key,
                    int64_t change) {
  if (change == 0) return;
  Stripes& stripes = core.keyspace.stripes;
  stripes.add_bytes(stripe_of(key.partition), change);
  if (partition.table.tag(slot) != 0) stripes.add_dirty_bytes(stripe_of(key.partition), change);
}

// The entry in the slot waits for the next checkpoint.
inline void tag_changed(EngineCore& core, Partition& partition, Table::Slot slot, const Key& key,
                        const Entry& entry) {
  if (!core.durable()) return;
  if (partition.table.tag(slot) == 0) {
    ++partition.dirty;
    core.keyspace.stripes.add_dirty_bytes(stripe_of(key.partition), static_cast<int64_t>(entry_bytes(entry)));
  }
  partition.table.set_tag(slot, core.current_tag);
  if (is_collection(entry)) entry.collection()->set_header_tag(core.current_tag);
}

// When a reference comes due the record is asked again, so one that comes too early does. `old_deadline_ms`: until when
// one is known to be there.
inline void index_deadline(EngineCore& core, const DatabaseTables& tables, const Key& key,
                           int64_t deadline_ms, int64_t old_deadline_ms) {
  if (deadline_ms == kNoDeadline) return;
  if (old_deadline_ms != kNoDeadline && old_deadline_ms <= deadline_ms) return;
  core.deadlines.add(tables.deadline_slot, key, deadline_ms);
}

// The entry with another deadline: itself, or a new one that shares what is outside of it.
Entry* with_deadline(Entry* entry, int64_t deadline_ms);

}  // namespace starling::engine
