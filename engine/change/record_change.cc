#include "engine/change/record_change.h"

#include <utility>

#include "engine/base/assert.h"
#include "engine/change/change_parts.h"
#include "engine/core/change_capture.h"
#include "engine/core/entry_change.h"
#include "engine/core/rows.h"
#include "engine/memory/record_form.h"

namespace starling::engine {

Entry* with_deadline(Entry* entry, int64_t deadline_ms) {
  if (entry->has(Entry::kHasDeadline) == (deadline_ms != kNoDeadline)) {
    if (deadline_ms != kNoDeadline) entry->set_deadline_ms(deadline_ms);
    return entry;
  }
  Entry::Parts parts;
  parts.key = entry->key();
  parts.type = entry->type();
  parts.stamp = entry->stamp();
  parts.actor = entry->actor();
  parts.deadline_ms = deadline_ms;
  parts.access = entry->access();
  parts.flags = entry->flags() & (Entry::kOnDisk | Entry::kPurge | Entry::kComplex);
  if (!entry->has(Entry::kExternal)) {
    parts.value = entry->value();
  } else {
    parts.external = is_collection(*entry) ? static_cast<void*>(entry->collection())
                                           : static_cast<void*>(entry->big_value());
  }
  return Entry::create(parts);
}

RecordChange::RecordChange(const Database& database, Partition& partition, Table::Slot slot, const Key& key)
    : operation_(*database.operation_),
      core_(*database.core_),
      tables_(*database.tables_),
      partition_(partition),
      key_(key),
      slot_(slot),
      old_(slot == Table::kNotFound ? nullptr : partition.table.entry(slot)),
      index_(database.index_) {
  if (old_ != nullptr) {
    if (core_.flushing_tag != 0) save_before_removal(core_, tables_, partition, slot, key);
    was_live_ = !old_->tombstone();
    if (was_live_) old_deadline_ms_ = old_->deadline_ms();
    flags_ = inherited_flags(old_);
    was_ = was_bits(old_, flags_);
    tally_before(core_, index_, key, *old_);
  }
  if (operation_.replaying_) flags_ |= Entry::kOnDisk;
  core_.keyspace.changes.add(key.partition);
  if (operation_.open_tables_ == &tables_ && operation_.open_key_ == key.name)
    operation_.open_tables_ = nullptr;
}

RecordChange::~RecordChange() {
  STARLING_ASSERT(finished_);
}

std::unique_ptr<History> RecordChange::history_of_old() const {
  if (operation_.only_actor_of(old_)) return nullptr;
  return std::make_unique<History>(context_of(core_.keyspace.actors, old_));
}

void RecordChange::note(ChangeKind kind) {
  ChangeCapture(*operation_.captured_).whole(index_, key_, kind);
}

void RecordChange::replace(Entry* entry) {
  entry_ = entry;
  auto change = static_cast<int64_t>(entry_bytes(*entry));
  if (old_ != nullptr) {
    change -= static_cast<int64_t>(entry_bytes(*old_));
    partition_.table.replace(slot_, entry);
  } else {
    change -= static_cast<int64_t>(partition_.table.memory_bytes());
    slot_ = partition_.table.insert(key_.hash, entry, 0);
    change += static_cast<int64_t>(partition_.table.memory_bytes());
  }
  account(core_, partition_, slot_, key_, change);
}

// The next checkpoint must be told by a tombstone that there is nothing.
bool RecordChange::store_may_hold() const {
  return core_.durable() && (flags_ & (Entry::kOnDisk | Entry::kPurge)) != 0;
}

void RecordChange::bury(Entry::Parts& parts) {
  if (!core_.rules.tombstones && !store_may_hold()) return take_out();
  parts.key = key_.name;
  parts.flags |= flags_;
  replace(Entry::create(parts));
}

void RecordChange::forget() {
  if (!store_may_hold()) return take_out();
  Entry::Parts parts;
  parts.key = key_.name;
  parts.flags = flags_;
  replace(Entry::create(parts));
}

void RecordChange::take_out() {
  const auto bytes = static_cast<int64_t>(entry_bytes(*old_));
  account(core_, partition_, slot_, key_, -bytes);
  if (partition_.table.tag(slot_) != 0) --partition_.dirty;
  const auto table_bytes = static_cast<int64_t>(partition_.table.memory_bytes());
  partition_.table.take(slot_);
  ++partition_.removals;
  core_.keyspace.stripes.add_bytes(stripe_of(key_.partition),
                                   static_cast<int64_t>(partition_.table.memory_bytes()) - table_bytes);
}

void RecordChange::set_deadline(int64_t deadline_ms) {
  Entry* const entry = with_deadline(old_, deadline_ms);
  if (entry == old_) {
    entry_ = entry;
  } else {
    replace(entry);
    old_->clear_flag(Entry::kExternal);  // The new entry owns it now.
  }
}

Entry* RecordChange::keep() {
  kept_ = true;
  kept_bytes_ = static_cast<int64_t>(entry_bytes(*old_));
  entry_ = old_;
  return old_;
}

Mutation RecordChange::mutation(MutationKind kind) const {
  Mutation mutation;
  mutation.kind = kind;
  mutation.space = tables_.space;
  mutation.key = key_.name;
  mutation.was = was_;
  if (entry_ != nullptr) mutation.stamp = entry_->stamp();
  return mutation;
}

// Live records, those with a deadline, and what waits for a checkpoint.
void RecordChange::count() {
  if (kept_)
    account(core_, partition_, slot_, key_, static_cast<int64_t>(entry_bytes(*entry_)) - kept_bytes_);
  const bool live = entry_ != nullptr && !entry_->tombstone();
  const int64_t deadline_ms = live ? entry_->deadline_ms() : kNoDeadline;
  tables_.add_live(partition_, static_cast<int>(live) - static_cast<int>(was_live_));
  tables_.add_with_deadline(partition_,
                            static_cast<int>(deadline_ms != 0) - static_cast<int>(old_deadline_ms_ != 0));
  if (entry_ == nullptr) return;
  tag_changed(core_, partition_, slot_, key_, *entry_);
  tally_after(core_, index_, key_, *entry_);
  index_deadline(core_, tables_, key_, deadline_ms, operation_.replaying_ ? kNoDeadline : old_deadline_ms_);
}

void RecordChange::finish(const Mutation* mutation, Tell tell) {
  finished_ = true;
  operation_.changed_ = true;
  count();
  if (mutation != nullptr) operation_.log(*mutation);
  if (tell == Tell::kYes && !operation_.replaying_) core_.observer.modified(index_, key_.name);
  if (old_ != nullptr && old_ != entry_) Entry::destroy(old_);
}

}  // namespace starling::engine
