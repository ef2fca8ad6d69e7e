#include "engine/replica/trial.h"

#include <algorithm>

#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/memory/entry.h"
#include "engine/memory/record_form.h"
#include "engine/record/record_codec.h"
#include "engine/replica/replication.h"

namespace starling::engine {
namespace {

// Of one key. What is put back is made anew, element by element.
constexpr size_t kLargestCollectionBytes = 64 << 10;
constexpr size_t kLargestStringBytes = 1 << 20;

}  // namespace

bool Trial::possible(Operation& operation, std::span<const KeyRef> keys) {
  if (!operation.core_.keyspace.actors.has_room()) return false;
  return std::all_of(keys.begin(), keys.end(), [&](const KeyRef& ref) {
    const Found found = operation.database(ref.database).find(ref.key, Touch::kNo);
    if (!found) return true;
    const size_t largest = found.type() == Type::kString ? kLargestStringBytes : kLargestCollectionBytes;
    return found.memory_bytes() <= largest;
  });
}

Trial::Trial(Operation* operation, ActorId actor, std::span<const KeyRef> keys)
    : operation_(*operation), own_actor_(operation->actor()), frame_bytes_(0) {
  for (const KeyRef& ref : keys) {
    const bool known = std::any_of(kept_.begin(), kept_.end(), [&](const Kept& kept) {
      return kept.key.database == ref.database && kept.key.key.name == ref.key.name;
    });
    if (known) continue;
    Database database = operation_.database(ref.database);
    (void)database.find(ref.key, Touch::kNo);  // What has expired goes, and stays gone.
    Kept& kept = kept_.emplace_back(Kept{ref, {}, {}});
    (void)Replica(operation_, ref.database).append_version(ref.key, &kept.base);
    kept.record = Replica(operation_, ref.database).held(ref.key);
  }
  frame_bytes_ = Replica::frame_bytes(operation_);
  operation_.act_as(actor);
}

bool Trial::take_back(std::vector<Tried>* tried) {
  operation_.act_as(own_actor_);
  bool changed = false;
  for (const Kept& kept : kept_) {
    Replica replica(operation_, kept.key.database);
    Tried one{kept.key.database, std::string(kept.key.key.name), kept.base, {}, {}};
    (void)replica.append_version(kept.key.key, &one.after);
    if (one.after != one.base) {
      (void)replica.append_state(kept.key.key, &one.state);
      changed = true;
      replica.hold_again(kept.key.key, kept.record);
    }
    tried->push_back(std::move(one));
  }
  // As nothing has changed, nothing is logged.
  Replica::cut_frame(&operation_, frame_bytes_);
  return changed;
}

bool Trial::hold(Operation* operation, const KeyRef& ref, size_t most_bytes, std::optional<Record>* record) {
  (void)operation->database(ref.database)
      .find(ref.key, Touch::kNo);  // What has expired goes, and stays gone.
  const Replica replica(*operation, ref.database);
  const Entry* const entry = replica.entry_of(ref.key);
  if (entry != nullptr && entry_bytes(*entry) > most_bytes) return false;
  *record = replica.held(ref.key);
  return true;
}

void Trial::put_back(Operation* operation, const KeyRef& ref, const std::optional<Record>& record) {
  Replica replica(*operation, ref.database);
  if (!record.has_value()) return replica.hold_again(ref.key, record);  // Which the log is told.
  Mutation mutation;
  mutation.kind = MutationKind::kPutRecord;
  mutation.space = operation->core_.keyspace.databases[static_cast<size_t>(ref.database)]->space;
  if (const Entry* const entry = replica.entry_of(ref.key); entry != nullptr)
    mutation.was = was_bits(entry, inherited_flags(entry));
  replica.hold_again(ref.key, record);
  std::string bytes;
  encode_record(*record, &bytes);
  mutation.key = ref.key.name;
  mutation.value = bytes;
  mutation.stamp = record->context().greatest_stamp();
  mutation.now_ms = operation->now_ms();
  operation->log(mutation);
}

std::optional<Record> Replica::held(const Key& key) const {
  const Entry* const entry = entry_of(key);
  if (entry == nullptr) return std::nullopt;
  return record_of(operation_.core_.keyspace.actors, entry);
}

void Replica::hold_again(const Key& key, const std::optional<Record>& record) {
  Database database(operation_, database_);
  Partition& partition = database.tables_->partition(key);
  const Table::Slot slot = partition.table.find(key.hash, key.name);
  if (record.has_value()) {
    database.install(partition, slot, key, *record, operation_.now_ms(), nullptr);
  } else if (slot != Table::kNotFound) {
    database.forget(partition, slot, key);
  }
}

void Replica::cut_frame(Operation* operation, size_t bytes) {
  operation->frame_.resize(bytes);
  operation->open_tables_ = nullptr;
}

}  // namespace starling::engine
