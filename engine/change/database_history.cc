// Changing the records of a cluster within an operation: what leaves a history behind. See operation.h and
// record_form.h.
#include <charconv>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"
#include "engine/record/record_delta.h"

namespace starling::engine {

// What a change of this operation leaves as the record's history, its own dot not yet in it, when it
// supersedes all that is here. Null: nothing, the next dot of the same actor says it all.
std::unique_ptr<History> Database::history_after(const Entry* old) const {
  if (old == nullptr) return nullptr;
  if (!old->has(Entry::kComplex) && (old->stamp() == 0 || old->actor() == operation_->actor_index())) {
    return nullptr;
  }
  return std::make_unique<History>(context_of(core_->keyspace.actors, old));
}

void Database::log_record(const Key& key, std::string_view record, Stamp stamp, uint8_t was, int64_t now_ms) {
  Mutation mutation;
  mutation.kind = MutationKind::kPutRecord;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.value = record;
  mutation.was = was;
  mutation.stamp = stamp;
  mutation.now_ms = now_ms;
  operation_->log(mutation);
}

// Makes the record what the key holds, as it shows at now_ms. Not logged. Returns its slot.
Table::Slot Database::install(Partition& partition, Table::Slot slot, const Key& key, const Record& record,
                              int64_t now_ms) {
  Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  if (old != nullptr) save_before_removal(*core_, *tables_, partition, slot, key);
  tally_before(*core_, index_, key, old);
  const bool was_live = old != nullptr && !old->tombstone();
  const bool had_deadline = was_live && old->has(Entry::kHasDeadline);
  const uint8_t on_disk = operation_->replaying_ ? Entry::kOnDisk : 0;
  const Shown shown = shown_of(record, now_ms);
  EntryAssembly assembly(core_->keyspace.actors, shown, record.context(),
                         core_->durable() ? core_->current_tag : DirtyTag{0}, on_disk);
  assembly.add(record);
  const uint32_t access =
      was_live ? old->access()
               : initial_access(core_->lfu.load(std::memory_order_relaxed), operation_->now_ms());
  Entry* entry = assembly.make(key.name, access, inherited_flags(old) | on_disk);
  slot = replace_entry(partition, slot, key, entry);
  tables_->add_live(partition, static_cast<int>(!entry->tombstone()) - static_cast<int>(was_live));
  tables_->add_with_deadline(partition,
                             static_cast<int>(shown.deadline_ms != 0) - static_cast<int>(had_deadline));
  install_changed(partition, slot, key, entry);
  if (shown.deadline_ms != 0) core_->deadlines.add(tables_->deadline_slot, key, shown.deadline_ms);
  if (operation_->open_key_ == key.name) operation_->open_tables_ = nullptr;
  if (!operation_->replaying_) core_->observer.modified(index_, key.name);
  return slot;
}

// The same, logged.
void Database::put_record(const Key& key, const Record& record, int64_t now_ms) {
  Partition& partition = tables_->partition(key);
  const Table::Slot slot = partition.table.find(key.hash, key.name);
  const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  const uint8_t was = was_bits(old, flags_once_saved(*core_, partition, slot));
  std::string bytes;
  encode_record(record, &bytes);
  log_record(key, bytes, record.context().greatest_stamp(), was, now_ms);
  install(partition, slot, key, record, now_ms);
}

int64_t Database::add(const Key& key, int64_t before, int64_t increment) {
  int64_t shown = before + increment;
  if (core_->options.replicated) {
    Partition& partition = tables_->partition(key);
    const Table::Slot slot = locate(partition, key);
    const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
    const bool simple = old == nullptr || (!old->has(Entry::kComplex) &&
                                           (old->stamp() == 0 || old->actor() == operation_->actor_index()));
    if (simple ? add_simple(partition, slot, key, before, increment)
               : add_to_record(key, old, increment, &shown)) {
      return shown;
    }
  }
  put_string(key, std::to_string(shown), kKeepDeadline);
  return shown;
}

// What is here is this actor's, or nothing: so is the sum. False when that leaves the range.
bool Database::add_simple(Partition& partition, Table::Slot slot, const Key& key, int64_t before,
                          int64_t increment) {
  ActorTable& actors = core_->keyspace.actors;
  const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  Contribution own;
  if (old != nullptr && old->counter()) {
    own = contribution_in(actors, *old);
  } else if (old != nullptr && old->stamp() != 0) {
    own = {{old->stamp(), operation_->actor()}, before, 0};
  }
  if (__builtin_add_overflow(own.sum, increment, &own.sum)) return false;
  const std::optional<std::string> value = counter_value(actors, own);
  STARLING_ASSERT(value.has_value());
  if (operation_->captured_ != nullptr) ChangeCapture(*operation_->captured_).whole(index_, key);
  Entry::Parts parts;
  parts.value = *value;
  parts.counter = true;
  parts.type = Type::kString;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  if (old != nullptr && !old->tombstone()) parts.deadline_ms = old->deadline_ms();
  std::string record;
  encode_simple_counter(operation_->actor(), parts.stamp, parts.deadline_ms, encode_contribution(own),
                        &record);
  log_record(key, record, parts.stamp, was_bits(old, flags_once_saved(*core_, partition, slot)), 0);
  store_simple(partition, slot, key, parts);
  return true;
}

bool Database::add_to_record(const Key& key, const Entry* old, int64_t increment, int64_t* shown) {
  Record record = without_expired(record_of(core_->keyspace.actors, old), operation_->now_ms());
  Change change(&record, {operation_->next_stamp(), operation_->actor()}, operation_->now_ms());
  if (!change.add_to_string(increment)) return false;
  (void)change.finish();
  if (operation_->captured_ != nullptr) ChangeCapture(*operation_->captured_).whole(index_, key);
  const std::string text = *record.string(operation_->now_ms());
  std::from_chars(text.data(), text.data() + text.size(), *shown);
  put_record(key, record, operation_->now_ms());
  return true;
}

// The deadline of what the entry shows has passed: it shows something else from now on. No event.
void Database::lapse(Partition& partition, Table::Slot slot, const Key& key, int64_t now_ms) {
  const Entry& old = *partition.table.entry(slot);
  Mutation mutation;
  mutation.kind = MutationKind::kLapse;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.stamp = old.stamp();
  mutation.now_ms = now_ms;
  operation_->log(mutation);
  install(partition, slot, key, without_expired(record_of(core_->keyspace.actors, &old), now_ms), now_ms);
}

// A delete: an event, which leaves a tombstone.
void Database::bury(Partition& partition, Table::Slot slot, const Key& key) {
  Entry* old = partition.table.entry(slot);
  save_before_removal(*core_, *tables_, partition, slot, key);
  tally_before(*core_, index_, key, old);
  if (operation_->captured_ != nullptr) ChangeCapture(*operation_->captured_).whole(index_, key);
  const uint8_t flags = inherited_flags(old) | (operation_->replaying_ ? Entry::kOnDisk : 0);
  const uint8_t was = was_bits(old, flags);
  // What is logged as a plain erasure left no history.
  std::unique_ptr<History> history = operation_->replaying_ ? nullptr : history_after(old);
  Entry::Parts parts;
  parts.key = key.name;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  parts.flags = flags;
  Mutation mutation;
  mutation.kind = MutationKind::kErase;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.was = was;
  mutation.stamp = parts.stamp;
  if (history != nullptr) {
    const Dot dot{parts.stamp, operation_->actor()};
    history->context().add(dot);
    history->hide(ElementKind::kValue, "", {{dot, "", 0, true}});
    parts.flags |= Entry::kComplex;
    parts.external = history.release();
  }
  Entry* tombstone = Entry::create(parts);
  tables_->add_live(partition, -1);
  if (old->has(Entry::kHasDeadline)) tables_->add_with_deadline(partition, -1);
  if (operation_->open_key_ == key.name) operation_->open_tables_ = nullptr;
  if (tombstone->has(Entry::kComplex)) {
    std::string record;
    encode_record(record_of(core_->keyspace.actors, tombstone), &record);
    log_record(key, record, parts.stamp, was, 0);
  } else {
    operation_->log(mutation);
  }
  if (!operation_->replaying_) core_->observer.modified(index_, key.name);
  install_changed(partition, replace_entry(partition, slot, key, tombstone), key, tombstone);
}

// The record goes as if it had never been here: no event, no tombstone.
void Database::forget(Partition& partition, Table::Slot slot, const Key& key) {
  Entry* old = partition.table.entry(slot);
  save_before_removal(*core_, *tables_, partition, slot, key);
  tally_before(*core_, index_, key, old);
  Mutation mutation;
  mutation.kind = MutationKind::kForget;
  mutation.space = tables_->space;
  mutation.key = key.name;
  Entry::Parts parts;
  parts.key = key.name;
  parts.flags = inherited_flags(old) | (operation_->replaying_ ? Entry::kOnDisk : 0);
  mutation.was = was_bits(old, parts.flags);
  operation_->log(mutation);
  if (!old->tombstone()) {
    tables_->add_live(partition, -1);
    if (old->has(Entry::kHasDeadline)) tables_->add_with_deadline(partition, -1);
  }
  if (operation_->open_key_ == key.name) operation_->open_tables_ = nullptr;
  core_->keyspace.changes.add(key.partition);
  if (core_->durable() && (parts.flags & (Entry::kOnDisk | Entry::kPurge)) != 0) {
    Entry* entry = Entry::create(parts);
    return install_changed(partition, replace_entry(partition, slot, key, entry), key, entry);
  }
  operation_->changed_ = true;
  const auto old_bytes = static_cast<int64_t>(entry_bytes(*old));
  if (partition.table.tag(slot) != 0) {
    --partition.dirty;
    operation_->add_dirty_bytes(key.partition, -old_bytes);
  }
  const auto table_bytes = static_cast<int64_t>(partition.table.memory_bytes());
  Entry::destroy(partition.table.take(slot));
  ++partition.removals;
  operation_->add_bytes(key.partition,
                        static_cast<int64_t>(partition.table.memory_bytes()) - table_bytes - old_bytes);
}

// Precondition: the entry shows something, and the deadline is none or to come.
void Database::change_deadline(Partition& partition, Table::Slot slot, const Key& key, int64_t deadline_ms) {
  Entry* entry = partition.table.entry(slot);
  ChangeList* captured = operation_->captured_;
  const bool simple =
      !entry->has(Entry::kComplex) && entry->actor() == operation_->actor_index() && !entry->counter();
  if (!is_collection(*entry)) {
    if (captured != nullptr) ChangeCapture(*captured).whole(index_, key);
    if (simple) return move_deadline(partition, slot, key, deadline_ms);
    Record record = record_of(core_->keyspace.actors, entry);
    const ActorId actor = operation_->actor();
    Change change(&record, {operation_->next_stamp(), actor}, operation_->now_ms());
    change.set_deadline(deadline_ms);
    (void)change.finish();
    return put_record(key, record, operation_->now_ms());
  }
  if (captured != nullptr) {
    ChangeCapture capture(*captured);
    capture.element(capture.part(index_, key, *entry, core_->keyspace.actors), ElementKind::kDeadline, "");
  }
  if (!simple) make_history(partition, slot, key);
  move_deadline(partition, slot, key, deadline_ms);
  entry = partition.table.entry(slot);
  Collection& collection = *entry->collection();
  collection.set_deadline_stamp(deadline_ms == 0 ? 0 : entry->stamp());
  if (History* history = collection.history()) {
    const auto before = static_cast<int64_t>(history->memory_bytes());
    const Dot dot{entry->stamp(), core_->keyspace.actors.id_of(entry->actor())};
    tally_before(*core_, index_, key, entry);
    history->context().add(dot);
    Siblings siblings;
    if (deadline_ms != 0) siblings.push_back({dot, "", deadline_ms, false});
    history->hide(ElementKind::kDeadline, "", std::move(siblings));
    tally_after(*core_, index_, key, *entry);
    account(partition, slot, key, static_cast<int64_t>(history->memory_bytes()) - before);
  }
}

// Gives a collection a history, if it has none.
void Database::make_history(Partition& partition, Table::Slot slot, const Key& key) {
  Entry* entry = partition.table.entry(slot);
  if (entry->has(Entry::kComplex)) return;
  auto history = std::make_unique<History>(context_of(core_->keyspace.actors, entry));
  history->hide(ElementKind::kDeadline, "", deadline_siblings(core_->keyspace.actors, *entry));
  const auto bytes = static_cast<int64_t>(history->memory_bytes());
  entry->collection()->set_history(std::move(history));
  entry->set_flag(Entry::kComplex);
  account(partition, slot, key, bytes);
}

void Database::account(const Partition& partition, Table::Slot slot, const Key& key, int64_t change) {
  operation_->add_bytes(key.partition, change);
  if (partition.table.tag(slot) != 0) operation_->add_dirty_bytes(key.partition, change);
}

}  // namespace starling::engine
