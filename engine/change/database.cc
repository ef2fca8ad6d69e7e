// Reading and changing records within an operation. See operation.h.
#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/core/change_capture.h"
#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/operation.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"
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
  if (!entry.has(Entry::kHasDeadline) || entry.tombstone()) return slot;
  if (entry.deadline_ms() > operation_->now_ms() || operation_->replaying_) return slot;
  if (core_->options.replicated) {
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
  const Table::Slot slot = locate(partition, key);
  Entry* entry = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  const bool hit = entry != nullptr && !entry->tombstone();
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

// Tags the slot as changed and accounts for it. The entry is already in place.
void Database::install_changed(Partition& partition, Table::Slot slot, const Key& key, Entry* entry) {
  operation_->changed_ = true;
  core_->keyspace.changes.add(key.partition);
  tally_after(*core_, index_, key, *entry);
  if (!core_->durable()) return;
  if (partition.table.tag(slot) == 0) {
    ++partition.dirty;
    operation_->add_dirty_bytes(key.partition, static_cast<int64_t>(entry_bytes(*entry)));
  }
  partition.table.set_tag(slot, core_->current_tag);
  if (is_collection(*entry)) entry->collection()->set_header_tag(core_->current_tag);
}

// Puts the entry in place of the slot's old one, which is destroyed; slot may be Table::kNotFound. Returns
// where it is now.
Table::Slot Database::replace_entry(Partition& partition, Table::Slot slot, const Key& key, Entry* entry) {
  int64_t change = static_cast<int64_t>(entry_bytes(*entry));
  if (slot == Table::kNotFound) {
    change -= static_cast<int64_t>(partition.table.memory_bytes());
    slot = partition.table.insert(key.hash, entry, 0);
    change += static_cast<int64_t>(partition.table.memory_bytes());
  } else {
    Entry* old = partition.table.entry(slot);
    change -= static_cast<int64_t>(entry_bytes(*old));
    if (partition.table.tag(slot) != 0) operation_->add_dirty_bytes(key.partition, change);
    partition.table.replace(slot, entry);
    Entry::destroy(old);
  }
  operation_->add_bytes(key.partition, change);
  return slot;
}

void Database::log_put(const Key& key, const Entry& entry, uint8_t was) {
  Mutation mutation;
  mutation.kind = MutationKind::kPutString;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.value = entry.value();
  mutation.was = was;
  mutation.stamp = entry.stamp();
  mutation.deadline_ms = entry.deadline_ms();
  operation_->log(mutation);
}

void Database::put(const Key& key, std::string_view value, void* big_value, int64_t deadline_ms) {
  Partition& partition = tables_->partition(key);
  Table::Slot slot = locate(partition, key);
  Entry* old = slot == Table::kNotFound ? nullptr : partition.table.entry(slot);
  if (old != nullptr) save_before_removal(*core_, *tables_, partition, slot, key);
  tally_before(*core_, index_, key, old);
  const bool was_live = old != nullptr && !old->tombstone();
  const int64_t old_deadline_ms = was_live ? old->deadline_ms() : kNoDeadline;
  const uint8_t flags = inherited_flags(old) | (operation_->replaying_ ? Entry::kOnDisk : 0);
  const uint8_t was = was_bits(old, flags);
  if (deadline_ms == kKeepDeadline) deadline_ms = old_deadline_ms;
  std::unique_ptr<History> history;
  if (core_->options.replicated) {
    // What is logged as a plain put left no history.
    if (!operation_->replaying_) history = history_after(old);
    if (operation_->captured_ != nullptr) ChangeCapture(*operation_->captured_).whole(index_, key);
  }

  const bool lfu = core_->lfu.load(std::memory_order_relaxed);
  Entry::Parts parts;
  parts.key = key.name;
  parts.value = value;
  parts.type = Type::kString;
  parts.stamp = operation_->next_stamp();
  parts.actor = operation_->actor_index();
  parts.deadline_ms = deadline_ms;
  parts.access = lfu && was_live ? old->access() : initial_access(lfu, operation_->now_ms());
  parts.flags = flags;
  parts.external = big_value;
  if (history != nullptr) {
    history->context().add({parts.stamp, operation_->actor()});
    auto* big = big_value != nullptr ? static_cast<BigValue*>(big_value) : new BigValue(value, nullptr);
    big->history = std::move(history);
    parts.external = big;
    parts.flags |= Entry::kComplex;
  }

  Entry* entry = old;
  if (old == nullptr || is_collection(*old) || !old->assign(parts)) {
    entry = Entry::create(parts);
    slot = replace_entry(partition, slot, key, entry);
  }
  if (!was_live) tables_->add_live(partition, 1);
  const int with_deadline = (deadline_ms != 0) - (old_deadline_ms != 0);
  if (with_deadline != 0) tables_->add_with_deadline(partition, with_deadline);
  install_changed(partition, slot, key, entry);
  if (entry->has(Entry::kComplex)) {
    std::string record;
    encode_record(record_of(core_->keyspace.actors, entry), &record);
    log_record(key, record, parts.stamp, was, 0);
  } else {
    log_put(key, *entry, was);
  }
  // A replay does not know the old deadline, only that there was one.
  const bool earlier = old_deadline_ms == 0 || deadline_ms < old_deadline_ms || operation_->replaying_;
  if (deadline_ms != 0 && earlier) core_->deadlines.add(tables_->deadline_slot, key, deadline_ms);
  if (!operation_->replaying_) core_->observer.modified(index_, key.name);
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

void Database::erase_slot(Partition& partition, Table::Slot slot, const Key& key) {
  if (core_->options.replicated) return bury(partition, slot, key);
  Entry* old = partition.table.entry(slot);
  save_before_removal(*core_, *tables_, partition, slot, key);
  const uint8_t flags = inherited_flags(old) | (operation_->replaying_ ? Entry::kOnDisk : 0);
  Mutation mutation;
  mutation.kind = MutationKind::kErase;
  mutation.space = tables_->space;
  mutation.was = was_bits(old, flags);
  mutation.stamp = operation_->next_stamp();
  tables_->add_live(partition, -1);
  if (old->has(Entry::kHasDeadline)) tables_->add_with_deadline(partition, -1);

  const auto old_bytes = static_cast<int64_t>(entry_bytes(*old));
  const bool was_dirty = partition.table.tag(slot) != 0;
  if (core_->durable() && (flags & (Entry::kOnDisk | Entry::kPurge)) != 0) {
    Entry::Parts parts;
    parts.key = key.name;
    parts.stamp = mutation.stamp;
    parts.actor = operation_->actor_index();
    parts.flags = flags;
    Entry* tombstone = Entry::create(parts);
    const auto change = static_cast<int64_t>(entry_bytes(*tombstone)) - old_bytes;
    operation_->add_bytes(key.partition, change);
    if (was_dirty) operation_->add_dirty_bytes(key.partition, change);
    partition.table.replace(slot, tombstone);
    install_changed(partition, slot, key, tombstone);
  } else {
    if (was_dirty) {
      --partition.dirty;
      operation_->add_dirty_bytes(key.partition, -old_bytes);
    }
    const auto table_bytes = static_cast<int64_t>(partition.table.memory_bytes());
    partition.table.take(slot);
    ++partition.removals;
    operation_->add_bytes(key.partition,
                          static_cast<int64_t>(partition.table.memory_bytes()) - table_bytes - old_bytes);
  }
  if (operation_->open_key_ == key.name) operation_->open_tables_ = nullptr;
  mutation.key = key.name;
  operation_->log(mutation);
  if (!operation_->replaying_) core_->observer.modified(index_, key.name);
  Entry::destroy(old);
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
  if (deadline_ms != kNoDeadline && deadline_ms <= operation_->now_ms()) {
    erase_slot(partition, slot, key);
    return true;
  }
  if (core_->options.replicated) {
    change_deadline(partition, slot, key, deadline_ms);
  } else {
    move_deadline(partition, slot, key, deadline_ms);
  }
  return true;
}

// The deadline of a live record; its entry may be another one afterwards.
void Database::move_deadline(Partition& partition, Table::Slot slot, const Key& key, int64_t deadline_ms) {
  save_before_change(*core_, *tables_, partition, slot, key);
  tally_before(*core_, index_, key, partition.table.entry(slot));
  Entry* entry = place_deadline(partition, slot, key, deadline_ms);
  entry->set_stamp(operation_->next_stamp());
  entry->set_actor(operation_->actor_index());
  install_changed(partition, slot, key, entry);
  Mutation mutation;
  mutation.kind = MutationKind::kDeadline;
  mutation.space = tables_->space;
  mutation.key = key.name;
  mutation.stamp = entry->stamp();
  mutation.deadline_ms = deadline_ms;
  operation_->log(mutation);
  if (!operation_->replaying_) core_->observer.modified(index_, key.name);
}

// Gives the entry in the slot another deadline, which may make it another entry.
Entry* Database::place_deadline(Partition& partition, Table::Slot slot, const Key& key, int64_t deadline_ms) {
  Entry* old = partition.table.entry(slot);
  Entry* entry = old;
  const int64_t old_deadline_ms = old->deadline_ms();
  if ((old_deadline_ms != 0) == (deadline_ms != 0)) {
    if (deadline_ms != 0) old->set_deadline_ms(deadline_ms);
  } else {
    Entry::Parts parts;
    parts.key = key.name;
    parts.type = old->type();
    parts.stamp = old->stamp();
    parts.actor = old->actor();
    parts.deadline_ms = deadline_ms;
    parts.access = old->access();
    parts.flags = old->flags() & (Entry::kOnDisk | Entry::kPurge | Entry::kComplex);
    if (!old->has(Entry::kExternal)) {
      parts.value = old->value();
    } else {
      parts.external = is_collection(*old) ? static_cast<void*>(old->collection()) : old->big_value();
    }
    entry = Entry::create(parts);
    const auto change =
        static_cast<int64_t>(entry->allocated_bytes()) - static_cast<int64_t>(old->allocated_bytes());
    operation_->add_bytes(key.partition, change);
    if (partition.table.tag(slot) != 0) operation_->add_dirty_bytes(key.partition, change);
    partition.table.replace(slot, entry);
    old->clear_flag(Entry::kExternal);  // The new entry owns it now.
    Entry::destroy(old);
    tables_->add_with_deadline(partition, deadline_ms != 0 ? 1 : -1);
  }
  if (deadline_ms != 0 && (old_deadline_ms == 0 || deadline_ms < old_deadline_ms)) {
    core_->deadlines.add(tables_->deadline_slot, key, deadline_ms);
  }
  return entry;
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
