#include "engine/node/change_replay.h"

#include "engine/core/loader.h"
#include "engine/record/counter.h"
#include "engine/replica/replication.h"

namespace starling::engine {

int database_of(const Keyspace& keyspace, uint32_t space) {
  for (int i = 0; i < kDatabases; ++i) {
    if (keyspace.databases[static_cast<size_t>(i)]->space == space) return i;
  }
  return -1;
}

void ChangeReplay::apply_settled(const Mutation& mutation) {
  SettledStamps& settled = core_.keyspace.settled;
  if (mutation.kind == MutationKind::kUnsettle)
    return settled.clear(static_cast<uint16_t>(mutation.partition), mutation.lost ? kLost : 0);
  if (mutation.partition == kPartitionCount) {
    settled.promise(mutation.stamp);
  } else {
    settled.raise(static_cast<uint16_t>(mutation.partition), mutation.stamp);
  }
  core_.hybrid_clock.restore(mutation.stamp);
}

// The key as it was before a whole record replaced or removed it: what it held does not matter any more, only
// what it counted for. Saves reading the store.
void ChangeReplay::place_stub(int database, const Key& key, const Mutation& mutation) {
  DatabaseTables& tables = *core_.keyspace.databases[static_cast<size_t>(database)];
  tables.ensure_used();
  Partition& partition = tables.partition(key);
  if (room_ != 0 && partition.table.memory_bytes() == 0) {
    partition.table.reserve(room_);
    core_.keyspace.stripes.add_bytes(stripe_of(key.partition),
                                     static_cast<int64_t>(partition.table.memory_bytes()));
  }
  if (partition.table.find(key.hash, key.name) != Table::kNotFound) return;
  // What puts a string where there was nothing counts for nothing else.
  if (mutation.was == 0 && mutation.kind == MutationKind::kPutString) return;
  Entry::Parts parts;
  parts.key = key.name;
  parts.type = (mutation.was & kWasLive) != 0 ? Type::kString : Type::kNone;
  parts.deadline_ms = (mutation.was & kWasWithDeadline) != 0 ? 1 : 0;
  parts.flags = Entry::kOnDisk | ((mutation.was & kWasPurge) != 0 ? Entry::kPurge : 0);
  Entry* entry = Entry::create(parts);
  const auto table_bytes = static_cast<int64_t>(partition.table.memory_bytes());
  partition.table.insert(key.hash, entry, 0);
  core_.keyspace.stripes.add_bytes(stripe_of(key.partition),
                                   static_cast<int64_t>(entry_bytes(*entry)) +
                                       static_cast<int64_t>(partition.table.memory_bytes()) - table_bytes);
}

Status ChangeReplay::make_resident(int database, const Key& key, const Mutation& mutation) {
  // Where records have histories, a collection made where there was nothing builds on the tombstone.
  const bool whole =
      mutation.kind == MutationKind::kPutString || mutation.kind == MutationKind::kErase ||
      mutation.kind == MutationKind::kPutRecord || mutation.kind == MutationKind::kForget ||
      (mutation.kind == MutationKind::kOpen && (mutation.was & kWasLive) == 0 && !core_.options.replicated);
  if (!whole) return loader_.load(database, key);
  place_stub(database, key, mutation);
  return {};
}

void ChangeReplay::apply_hint(const Mutation& mutation, const Key& key) {
  if (mutation.kind == MutationKind::kDropHint) {
    (void)core_.hints.drop(mutation.value, mutation.space, key);
  } else {
    (void)core_.hints.keep(mutation.value, mutation.space, key, mutation.now_ms, false);
  }
}

// The key that moves is in memory.
Status ChangeReplay::apply_move(ActorIndex actor, const Mutation& m, int index, const Key& from) {
  const int target_index = database_of(core_.keyspace, m.target_space);
  const Key to(m.value);
  if (target_index < 0)
    return {StatusCode::kCorrupt, "the commit log moves a record to a database that is not there"};
  place_stub(target_index, to, m);
  Operation operation(engine_, 1);
  operation.begin_replay(actor, m.stamp);
  const KeyRef keys[] = {{index, from}, {target_index, to}};
  operation.lock(keys);
  Database database = operation.database(index);
  Database target = operation.database(target_index);
  const bool there = static_cast<bool>(database.find(from, Touch::kNo));
  if (there) database.move(from, target, to);
  operation.finish();
  if (!there) return {StatusCode::kCorrupt, "the commit log moves a record that is not there"};
  restore_seen(core_, m.stamp);
  return {};
}

// Of a counter or of a score that joins with others' (join.h).
bool ChangeReplay::put_joining(Database& database, const Key& key, ActorIndex actor, const Mutation& m) {
  const Join join = m.kind == MutationKind::kPutJoining ? m.join : Join::kSum;
  const Sibling sibling{{m.stamp, core_.keyspace.actors.id_of(actor)}, std::string(m.value), 0, false, join};
  if (!well_formed(element_kind_of(open_type_), m.key, {sibling})) return false;
  database.open(key, open_type_).put_joining(m.key, join, m.value);
  return true;
}

// False: it makes no sense.
bool ChangeReplay::change(Database& database, const Key& key, ActorIndex actor, const Mutation& m) {
  switch (m.kind) {
    case MutationKind::kPutString:
      database.put_string(key, m.value, m.deadline_ms);
      break;
    case MutationKind::kErase:
      database.remove(key);
      break;
    case MutationKind::kOpen:
      database.open(key, m.type);
      break;
    case MutationKind::kPutElement:
      database.open(key, open_type_).put(m.key, m.value);
      break;
    case MutationKind::kEraseElement:
      database.open(key, open_type_).remove(m.key);
      break;
    case MutationKind::kPutContribution:
    case MutationKind::kPutJoining:
      return put_joining(database, key, actor, m);
    case MutationKind::kDeadline:
      database.set_deadline(key, m.deadline_ms);
      break;
    case MutationKind::kMap:
    case MutationKind::kKeepHint:
    case MutationKind::kDropHint:
    case MutationKind::kSettle:
    case MutationKind::kUnsettle:
    case MutationKind::kMove:
      break;
    case MutationKind::kPutRecord:
    case MutationKind::kLapse:
    case MutationKind::kMergeDelta:
    case MutationKind::kForget:
      return Replica(database.operation(), database.index()).replay(key, m);
  }
  return true;
}

Status ChangeReplay::apply_to_key(ActorIndex actor, const Mutation& m, int index, const Key& key) {
  if (m.kind > MutationKind::kMap && !core_.options.replicated)
    return {StatusCode::kCorrupt, "the commit log holds changes of a cluster's records"};
  Operation operation(engine_, 1);
  operation.begin_replay(actor, m.stamp);
  operation.lock({index, key});
  Database database = operation.database(index);
  const bool replayed = change(database, key, actor, m);
  operation.finish();
  if (!replayed) return {StatusCode::kCorrupt, "the commit log holds a change that cannot be applied"};
  restore_seen(core_, m.stamp);
  return {};
}

Status ChangeReplay::apply(ActorIndex actor, const Mutation& m) {
  if (m.kind == MutationKind::kSettle || m.kind == MutationKind::kUnsettle) {
    apply_settled(m);
    return {};
  }
  const bool element = of_element(m.kind);
  const int index = element ? open_database_ : database_of(core_.keyspace, m.space);
  const Key key(element ? open_key_ : m.key);
  if (m.kind == MutationKind::kOpen) {
    open_key_ = m.key;
    open_type_ = m.type;
    open_database_ = index;
  }
  if (index < 0) return {};  // Of a database that was flushed later on.
  if (m.kind == MutationKind::kKeepHint || m.kind == MutationKind::kDropHint) {
    apply_hint(m, key);
    return {};
  }
  if (!element) {
    Status status = make_resident(index, key, m);
    if (!status.ok()) return status;
  }
  return m.kind == MutationKind::kMove ? apply_move(actor, m, index, key)
                                       : apply_to_key(actor, m, index, key);
}

Status ChangeReplay::apply(std::string_view frame) {
  MutationReader reader(frame);
  if (!reader.ok()) return {StatusCode::kCorrupt, "a frame of the commit log is too short"};
  if (reader.actor() != actor_id_) {
    if (!core_.keyspace.actors.take(reader.actor()))
      return {StatusCode::kInvalid,
              "the records that the commit log changes have more actors than there can be"};
    actor_id_ = reader.actor();
    actor_ = core_.keyspace.actors.index_of(actor_id_);
  }
  Mutation mutation;
  open_database_ = -1;
  while (reader.next(&mutation)) {
    Status status = apply(actor_, mutation);
    if (!status.ok()) return status;
  }
  if (!reader.ok()) return {StatusCode::kCorrupt, "a frame of the commit log holds an unknown change"};
  return {};
}

// What follows will look into memory that is in no cache: the key's partition, then its slot, then its entry, each a
// while after what tells where it is.
void ChangeReplay::prefetch(std::span<const ReplayWorkers::Frame> frames, size_t next) const {
  constexpr size_t kAhead = 4;
  const auto partition_of = [&](size_t i) -> const Partition* {
    if (i >= frames.size()) return nullptr;
    const DatabaseTables& tables = *core_.keyspace.databases[frames[i].place.database];
    return tables.used.load(std::memory_order_acquire) ? &tables.partitions[frames[i].place.partition]
                                                       : nullptr;
  };
  if (const Partition* partition = partition_of(next + 3 * kAhead)) {
    core_.keyspace.prefetch(frames[next + 3 * kAhead].place.partition);
    __builtin_prefetch(partition);
  }
  if (const Partition* partition = partition_of(next + 2 * kAhead))
    partition->table.prefetch_slot(frames[next + 2 * kAhead].place.hash);
  if (const Partition* partition = partition_of(next + kAhead))
    partition->table.prefetch_entry(frames[next + kAhead].place.hash);
}

Status ChangeReplay::apply(std::span<const ReplayWorkers::Frame> frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    prefetch(frames, i);
    if (Status status = apply(frames[i].bytes); !status.ok()) return status;
  }
  return {};
}

}  // namespace starling::engine
