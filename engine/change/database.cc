// Reading and changing records within an operation. See operation.h.
#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/change/record_change.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"
#include "engine/memory/counter_form.h"
#include "engine/memory/record_form.h"

namespace starling::engine {

Type Found::type() const {
  return entry_->type();
}
std::string_view Found::string() const {
  return entry_->value();
}
const Collection& Found::collection() const {
  return *entry_->collection();
}
int64_t Found::deadline_ms() const {
  return entry_->deadline_ms();
}
uint64_t Found::version() const {
  return entry_->stamp();
}
size_t Found::memory_bytes() const {
  return entry_bytes(*entry_) + sizeof(uint64_t);
}
int Found::frequency() const {
  return frequency_of(entry_->access(), operation_->now_ms());
}
int64_t Found::idle_seconds() const {
  return idle_seconds_of(operation_->core_.lfu.load(std::memory_order_relaxed), entry_->access(),
                         operation_->now_ms());
}
std::shared_ptr<const void> Found::keep_alive() const {
  if (!entry_->has(Entry::kExternal) || entry_->type() != Type::kString) return nullptr;
  return entry_->big_value()->bytes;
}

Database::Database(Operation& operation, int index)
    : operation_(&operation),
      core_(&operation.core_),
      tables_(operation.locked() ? operation.core_.keyspace.databases[static_cast<size_t>(index)].get()
                                 : nullptr),
      index_(index) {
  if (tables_ != nullptr) tables_->ensure_used();
}

uint64_t Database::size() const {
  return tables_->live.load(std::memory_order_relaxed);
}
uint64_t Database::size_with_deadline() const {
  return tables_->with_deadline.load(std::memory_order_relaxed);
}
int64_t Database::average_time_left_ms() const {
  return core_->deadlines.average_time_left_ms(tables_->deadline_slot, operation_->now_ms());
}

Table::Slot Database::locate(Partition& partition, const Key& key) {
  const Table::Slot slot = partition.table.find(key.hash, key.name);
  if (slot == Table::kNotFound) return slot;
  const Entry& entry = *partition.table.entry(slot);
  if (entry.tombstone() || operation_->replaying_) return slot;
  if (!entry.has(Entry::kHasDeadline) || entry.deadline_ms() > operation_->now_ms()) {
    if (!part_expired(core_->keyspace.actors, entry, operation_->now_ms())) return slot;
    lapse(partition, slot, key, operation_->now_ms());
    return partition.table.find(key.hash, key.name);
  }
  if (operation_->sees_late()) return slot;
  if (core_->rules.lapses) {
    lapse(partition, slot, key, operation_->now_ms());
  } else {
    erase_slot(partition, slot, key);
  }
  core_->expired.fetch_add(1, std::memory_order_relaxed);
  core_->observer.expired(index_, key.name);
  return partition.table.find(key.hash, key.name);
}

Found Database::find(const Key& key, Touch touch) {
  Partition& partition = tables_->partition(key);
  const bool held =
      operation_->late_ == Late::kRemovedUnlessHeld && core_->holds_expiry(operation_->now_ms());
  const Table::Slot slot = held ? partition.table.find(key.hash, key.name) : locate(partition, key);
  Entry* entry = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  const bool due = held && entry != nullptr && entry->has(Entry::kHasDeadline) &&
                   entry->deadline_ms() <= operation_->now_ms();
  const bool hit = entry != nullptr && !entry->tombstone() && !due;
  if (operation_->counts_lookups_) core_->keyspace.stripes.count_lookup(stripe_of(key.partition), hit);
  if (!hit) return {};
  if (touch == Touch::kYes) {
    const bool lfu = core_->lfu.load(std::memory_order_relaxed);
    const uint32_t noise = static_cast<uint32_t>(entry->stamp() * 0x9e3779b97f4a7c15 >> 40) ^ entry->access();
    const uint32_t access =
        touched_access(lfu, entry->access(), operation_->now_ms(), lfu ? noise * 2654435761u >> 8 : 0);
    if (access != entry->access()) entry->set_access(access);
  }
  return Found(entry, operation_);
}

void Database::put(const Key& key, std::string_view value, void* big_value, int64_t deadline_ms) {
  Partition& partition = tables_->partition(key);
  RecordChange change(*this, partition, locate(partition, key), key);
  change.capture();
  // What is logged as a plain put left no history.
  std::unique_ptr<History> history = operation_->replaying_ ? nullptr : change.history_after();
  Entry::Parts parts;
  parts.value = value;
  parts.type = Type::kString;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  parts.deadline_ms = deadline_ms == kKeepDeadline ? change.old_deadline_ms() : deadline_ms;
  parts.access = change.access();
  parts.external = big_value;
  if (history != nullptr) {
    history->context().add({parts.stamp, operation_->actor()});
    auto* big = big_value != nullptr ? static_cast<BigValue*>(big_value) : new BigValue(value, nullptr);
    big->history = std::move(history);
    parts.external = big;
    parts.flags = Entry::kComplex;
  }
  change.put(parts);
  if (change.entry()->has(Entry::kComplex)) return log_record(change);
  Mutation mutation = change.mutation(MutationKind::kPutString);
  mutation.value = change.entry()->value();
  mutation.deadline_ms = parts.deadline_ms;
  change.finish(&mutation);
}

// Of an event whose dot does not say all.
void Database::log_record(RecordChange& change) {
  std::string record;
  encode_record(record_of(core_->keyspace.actors, change.entry()), &record);
  Mutation mutation = change.mutation(MutationKind::kPutRecord);
  mutation.value = record;
  change.finish(&mutation);
}

void Database::put_string(const Key& key, std::string_view value, int64_t deadline_ms) {
  if (value.size() < kBigValueBytes) return put(key, value, nullptr, deadline_ms);
  std::unique_ptr<char[]> bytes(new char[value.size()]);
  std::memcpy(bytes.get(), value.data(), value.size());
  put_string(key, std::move(bytes), value.size(), deadline_ms);
}

void Database::put_string(const Key& key, std::unique_ptr<char[]> value, size_t size, int64_t deadline_ms) {
  if (size < kBigValueBytes) return put(key, {value.get(), size}, nullptr, deadline_ms);
  auto* big = new BigValue(std::shared_ptr<char[]>(std::move(value)), size, size);
  put(key, {}, big, deadline_ms);
}

void Database::edit_string(const Key& key, size_t new_size, absl::FunctionRef<void(std::span<char>)> edit) {
  Partition& partition = tables_->partition(key);
  const Table::Slot slot = locate(partition, key);
  Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  const bool live = old != nullptr && !old->tombstone();
  const std::string_view before = live ? old->value() : std::string_view();
  if (new_size < kBigValueBytes) {
    std::string value(before.substr(0, new_size));
    value.resize(new_size);
    edit({value.data(), value.size()});
    return put(key, value, nullptr, live ? kKeepDeadline : kNoDeadline);
  }
  // A big value that nobody else reads is taken out of its entry, grown with room to spare, and put back.
  BigValue big({}, 0, 0);
  if (live && old->has(Entry::kExternal) && old->big_value()->bytes.use_count() == 1 &&
      old->big_value()->capacity >= new_size && !must_save(*core_, partition, slot)) {
    big.bytes = old->big_value()->bytes;
    big.capacity = old->big_value()->capacity;
  } else {
    const bool grows_again = before.size() >= kBigValueBytes && new_size > before.size();
    big.capacity = grows_again ? std::max(new_size, before.size() * 2) : new_size;
    big.bytes = std::shared_ptr<char[]>(new char[big.capacity]);
    if (!before.empty()) std::memcpy(big.bytes.get(), before.data(), std::min(before.size(), new_size));
  }
  if (new_size > before.size()) std::memset(big.bytes.get() + before.size(), 0, new_size - before.size());
  edit({big.bytes.get(), new_size});
  put(key, {}, new BigValue(std::move(big.bytes), new_size, big.capacity),
      live ? kKeepDeadline : kNoDeadline);
}

// A delete: an event, which leaves a tombstone where one is needed.
void Database::erase_slot(Partition& partition, Table::Slot slot, const Key& key) {
  RecordChange change(*this, partition, slot, key);
  change.capture();
  // What is logged as a plain erasure left no history.
  std::unique_ptr<History> history = operation_->replaying_ ? nullptr : change.history_after();
  Entry::Parts parts;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  if (history != nullptr) {
    const Dot dot{parts.stamp, operation_->actor()};
    history->context().add(dot);
    history->hide(ElementKind::kValue, "", {{dot, "", 0, true}});
    parts.flags = Entry::kComplex;
    parts.external = history.release();
  }
  change.bury(parts);
  if (parts.external != nullptr) return log_record(change);
  Mutation mutation = change.mutation(MutationKind::kErase);
  mutation.stamp = parts.stamp;
  change.finish(&mutation);
}

bool Database::remove(const Key& key) {
  Partition& partition = tables_->partition(key);
  const Table::Slot slot = locate(partition, key);
  if (slot == Table::kNotFound || partition.table.entry(slot)->tombstone()) return false;
  erase_slot(partition, slot, key);
  return true;
}

bool Database::set_deadline(const Key& key, int64_t deadline_ms) {
  Partition& partition = tables_->partition(key);
  const Table::Slot slot = locate(partition, key);
  if (slot == Table::kNotFound || partition.table.entry(slot)->tombstone()) return false;
  if (deadline_ms != kNoDeadline && deadline_ms <= operation_->now_ms() && !operation_->sees_late()) {
    erase_slot(partition, slot, key);
    return true;
  }
  change_deadline(partition, slot, key, deadline_ms);
  return true;
}

// Precondition: the entry shows something, and the deadline is none or to come.
void Database::change_deadline(Partition& partition, Table::Slot slot, const Key& key, int64_t deadline_ms) {
  Entry* const old = partition.table.entry(slot);
  if (is_collection(*old)) return OpenCollection(*this, key, old).set_deadline(deadline_ms);
  if (!operation_->only_actor_of(old) || old->counter()) return put_deadline(key, old, deadline_ms);
  RecordChange change(*this, partition, slot, key);
  change.capture();
  change.set_deadline(deadline_ms);
  change.entry()->set_stamp(operation_->next_stamp());
  change.entry()->set_actor(operation_->actor_index());
  Mutation mutation = change.mutation(MutationKind::kDeadline);
  mutation.deadline_ms = deadline_ms;
  change.finish(&mutation);
}

void Database::copy(const Key& from, Database& target, const Key& to) {
  const Found source = find(from, Touch::kNo);
  STARLING_ASSERT(source);
  const int64_t deadline_ms = source.deadline_ms();
  if (source.type() == Type::kString) {
    const std::string value(source.string());  // The source's entry may move while the target's is made.
    target.put_string(to, value, deadline_ms);
    return;
  }
  target.put_collection(to, source.collection().copy());
  if (deadline_ms != kNoDeadline) target.set_deadline(to, deadline_ms);
}

void Database::set_access(const Key& key, int64_t idle_seconds, int frequency) {
  Partition& partition = tables_->partition(key);
  const Table::Slot slot = partition.table.find(key.hash, key.name);
  if (slot == Table::kNotFound) return;
  const int64_t now_ms = operation_->now_ms();
  const uint32_t access =
      core_->lfu.load(std::memory_order_relaxed)
          ? (initial_access(true, now_ms) & ~0xffu) | static_cast<uint32_t>(frequency & 0xff)
          : initial_access(false, now_ms - idle_seconds * 1000);
  partition.table.entry(slot)->set_access(access);
}

}  // namespace starling::engine
