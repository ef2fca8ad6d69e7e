// Changing the records of a cluster within an operation: what leaves a history behind. See operation.h and
// record_form.h.
#include <charconv>

#include "engine/base/assert.h"
#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"
#include "engine/record/record_delta.h"

namespace starling::engine {

// Makes the record what the key holds, as it shows at now_ms. `mutation`: what the log is told, but for what the key
// was; null: nothing.
void Database::install(Partition& partition, Table::Slot slot, const Key& key, const Record& record,
                       int64_t now_ms, Mutation* mutation, std::optional<ChangeKind> told) {
  RecordChange change(*this, partition, slot, key);
  if (told.has_value()) change.capture(*told);
  EntryAssembly assembly(core_->keyspace.actors, shown_of(record, now_ms), record.context(),
                         operation_->dirty_tag(), operation_->replaying_ ? Entry::kOnDisk : 0);
  assembly.add(record);
  const uint32_t access = change.was_live() ? change.old()->access() : change.access();
  change.replace(assembly.make(key.name, access, change.flags()));
  if (mutation != nullptr) mutation->was = change.was();
  change.finish(mutation);
}

void Database::put_record(const Key& key, const Record& record, int64_t now_ms,
                          std::optional<ChangeKind> told) {
  Partition& partition = tables_->partition(key);
  std::string bytes;
  encode_record(record, &bytes);
  Mutation mutation;
  mutation.kind = MutationKind::kPutRecord;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.value = bytes;
  mutation.stamp = record.context().greatest_stamp();
  mutation.now_ms = now_ms;
  install(partition, partition.table.find(key.hash, key.name), key, record, now_ms, &mutation, told);
}

// Makes a record without a history what the key holds.
void Database::store_simple(RecordChange& change, Entry::Parts& parts, std::string_view record) {
  parts.access = change.access();
  if (parts.value.size() >= kBigValueBytes) parts.external = new BigValue(parts.value, nullptr);
  change.put(parts);
  Mutation mutation = change.mutation(MutationKind::kPutRecord);
  mutation.value = record;
  change.finish(&mutation);
}

int64_t Database::add(const Key& key, int64_t before, int64_t increment) {
  int64_t shown = before + increment;
  if (core_->rules.contributions) {
    Partition& partition = tables_->partition(key);
    const Table::Slot slot = locate(partition, key);
    const Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
    if (operation_->only_actor_of(old) ? add_simple(partition, slot, key, before, increment)
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
  RecordChange change(*this, partition, slot, key);
  change.capture();
  Entry::Parts parts;
  parts.value = *value;
  parts.counter = true;
  parts.type = Type::kString;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  parts.deadline_ms = change.old_deadline_ms();
  std::string record;
  encode_simple_counter(operation_->actor(), parts.stamp, parts.deadline_ms, encode_contribution(own),
                        &record);
  store_simple(change, parts, record);
  return true;
}

bool Database::add_to_record(const Key& key, const Entry* old, int64_t increment, int64_t* shown) {
  Record record = without_expired(record_of(core_->keyspace.actors, old), operation_->now_ms());
  Change change(&record, {operation_->next_stamp(), operation_->actor()}, operation_->now_ms());
  if (!change.add_to_string(increment)) return false;
  (void)change.finish();
  const std::string text = *record.string(operation_->now_ms());
  std::from_chars(text.data(), text.data() + text.size(), *shown);
  put_record(key, record, operation_->now_ms(), ChangeKind::kState);
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
  install(partition, slot, key, without_expired(record_of(core_->keyspace.actors, &old), now_ms), now_ms,
          &mutation);
}

// The record goes as if it had never been here: no event, no tombstone.
void Database::forget(Partition& partition, Table::Slot slot, const Key& key) {
  RecordChange change(*this, partition, slot, key);
  change.forget();
  const Mutation mutation = change.mutation(MutationKind::kForget);
  change.finish(&mutation, Tell::kNo);
}

// The deadline of a string that has more to say than one dot.
void Database::put_deadline(const Key& key, const Entry* old, int64_t deadline_ms) {
  Record record = record_of(core_->keyspace.actors, old);
  Change change(&record, {operation_->next_stamp(), operation_->actor()}, operation_->now_ms());
  change.set_deadline(deadline_ms);
  (void)change.finish();
  put_record(key, record, operation_->now_ms(), ChangeKind::kState);
}

}  // namespace starling::engine
