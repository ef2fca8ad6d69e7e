#include "engine/node/recovery.h"

#include <algorithm>

#include "engine/core/mutation.h"
#include "engine/memory/collection.h"
#include "engine/record/counter.h"
#include "engine/record/storage_key.h"
#include "engine/replica/replication.h"
#include "engine/store/store_meta.h"

namespace starling::engine {

int Recovery::database_of(uint32_t space) const {
  for (int i = 0; i < kDatabases; ++i) {
    if (core_.keyspace.databases[static_cast<size_t>(i)]->space == space) return i;
  }
  return -1;
}

Status Recovery::restore_state(uint64_t* replay_from) {
  std::string bytes;
  const ReadResult result = core_.store->get(Family::kMeta, kStateKey, ReadMode::kMayBlock, &bytes);
  *replay_from = 0;
  if (result == ReadResult::kAbsent) return {};
  if (result != ReadResult::kFound) return {StatusCode::kIoError, "the store's state row could not be read"};
  StoreState state;
  Status status = decode_state(bytes, &state);
  if (!status.ok()) return status;
  store_replicated_ = state.replicated;
  core_.converted = core_.options.replicated && (state.converted || !state.replicated);
  if (state.replicated && !core_.options.replicated) {
    return {StatusCode::kInvalid,
            "the records of this data directory are replicas of a cluster's; without a cluster their history "
            "would be lost"};
  }
  *replay_from = state.replay_from;
  core_.keyspace.next_space = state.next_space;
  core_.keyspace.settled.promise(state.promised);
  core_.hybrid_clock.restore(state.promised);
  for (size_t i = 0; i < state.settled.size(); ++i) {
    core_.keyspace.settled.raise(static_cast<uint16_t>(i), state.settled[i]);
    core_.hybrid_clock.restore(state.settled[i]);
  }
  for (size_t i = 0; i < kDatabases; ++i) {
    auto tables = std::make_shared<DatabaseTables>(state.spaces[i], static_cast<uint8_t>(i));
    tables->stored = true;
    if (!state.counts[i].empty()) tables->ensure_used();
    for (const PartitionCounts& counts : state.counts[i]) {
      Partition& partition = tables->partitions[counts.partition];
      partition.complete = false;
      tables->add_live(partition, static_cast<int>(counts.live));
      tables->add_with_deadline(partition, static_cast<int>(counts.with_deadline));
    }
    core_.keyspace.databases[i] = std::move(tables);
  }
  return {};
}

void Recovery::apply_map(const Mutation& mutation) {
  Keyspace& keyspace = core_.keyspace;
  std::array<std::shared_ptr<DatabaseTables>, kDatabases> databases;
  for (auto& tables : keyspace.databases) {
    const auto* const at = std::find(mutation.spaces.begin(), mutation.spaces.end(), tables->space);
    if (at != mutation.spaces.end()) databases[static_cast<size_t>(at - mutation.spaces.begin())] = tables;
  }
  std::vector<uint8_t> free_slots;
  for (const auto& tables : keyspace.databases) {
    if (std::find(databases.begin(), databases.end(), tables) != databases.end()) continue;
    free_slots.push_back(tables->deadline_slot);
    if (tables->stored) keyspace.flushed_spaces.push_back(tables->space);
    keyspace.release(*tables);
  }
  for (size_t i = 0; i < kDatabases; ++i) {
    if (databases[i] != nullptr) continue;
    databases[i] = std::make_shared<DatabaseTables>(mutation.spaces[i], free_slots.back());
    free_slots.pop_back();
  }
  keyspace.databases = std::move(databases);
  keyspace.next_space = mutation.next_space;
}

void Recovery::apply_settled(const Mutation& mutation) {
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
void Recovery::place_stub(int database, const Key& key, const Mutation& mutation) {
  DatabaseTables& tables = *core_.keyspace.databases[static_cast<size_t>(database)];
  tables.ensure_used();
  Partition& partition = tables.partition(key);
  if (partition.table.find(key.hash, key.name) != Table::kNotFound) return;
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

Status Recovery::make_resident(int database, const Key& key, const Mutation& mutation) {
  // Where records have histories, a collection made where there was nothing builds on the tombstone.
  const bool whole =
      mutation.kind == MutationKind::kPutString || mutation.kind == MutationKind::kErase ||
      mutation.kind == MutationKind::kPutRecord || mutation.kind == MutationKind::kForget ||
      (mutation.kind == MutationKind::kOpen && (mutation.was & kWasLive) == 0 && !core_.options.replicated);
  if (!whole) return loader_.load(database, key);
  place_stub(database, key, mutation);
  return {};
}

void Recovery::replay_hint(const Mutation& mutation, const Key& key) {
  if (mutation.kind == MutationKind::kDropHint) {
    (void)core_.hints.drop(mutation.value, mutation.space, key);
  } else {
    (void)core_.hints.keep(mutation.value, mutation.space, key, mutation.now_ms, false);
  }
}

// The key that moves is in memory.
Status Recovery::apply_move(ActorIndex actor, const Mutation& m, int index, const Key& from) {
  const int target_index = database_of(m.target_space);
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

Status Recovery::apply(ActorIndex actor, const Mutation& m, std::string_view open_key) {
  const bool element = m.kind == MutationKind::kPutElement || m.kind == MutationKind::kEraseElement ||
                       m.kind == MutationKind::kPutContribution || m.kind == MutationKind::kPutJoining;
  const int index = element ? open_database_ : database_of(m.space);
  if (index < 0) return {};  // Of a database that was flushed later on.
  const Key key(element ? open_key : m.key);
  if (m.kind == MutationKind::kKeepHint || m.kind == MutationKind::kDropHint) {
    replay_hint(m, key);
    return {};
  }
  if (!element) {
    Status status = make_resident(index, key, m);
    if (!status.ok()) return status;
  }
  if (m.kind == MutationKind::kMove) return apply_move(actor, m, index, key);
  if (m.kind > MutationKind::kMap && !core_.options.replicated) {
    return {StatusCode::kCorrupt, "the commit log holds changes of a cluster's records"};
  }
  Operation operation(engine_, 1);
  operation.begin_replay(actor, m.stamp);
  operation.lock({index, key});
  Database database = operation.database(index);
  bool replayed = true;
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
    case MutationKind::kPutJoining: {
      const Join join = m.kind == MutationKind::kPutJoining ? m.join : Join::kSum;
      const Sibling sibling{
          {m.stamp, core_.keyspace.actors.id_of(actor)}, std::string(m.value), 0, false, join};
      replayed = well_formed(element_kind_of(open_type_), m.key, {sibling});
      if (replayed) database.open(key, open_type_).put_joining(m.key, join, m.value);
      break;
    }
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
      replayed = Replica(operation, index).replay(key, m);
      break;
  }
  operation.finish();
  if (!replayed) return {StatusCode::kCorrupt, "the commit log holds a change that cannot be applied"};
  restore_seen(core_, m.stamp);
  return {};
}

Status Recovery::replay(std::string_view frame) {
  MutationReader reader(frame);
  if (!reader.ok()) return {StatusCode::kCorrupt, "a frame of the commit log is too short"};
  sweep_.run_if_crowded();
  if (!core_.keyspace.actors.take(reader.actor()))
    return {StatusCode::kInvalid,
            "the records that the commit log changes have more actors than there can be"};
  const ActorIndex actor = core_.keyspace.actors.index_of(reader.actor());
  Mutation mutation;
  std::string_view open_key;
  open_database_ = -1;
  while (reader.next(&mutation)) {
    ++mutations_;
    if (mutation.kind == MutationKind::kMap) {
      apply_map(mutation);
      continue;
    }
    if (mutation.kind == MutationKind::kSettle || mutation.kind == MutationKind::kUnsettle) {
      apply_settled(mutation);
      continue;
    }
    if (mutation.kind == MutationKind::kOpen) {
      open_key = mutation.key;
      open_type_ = mutation.type;
      open_database_ = database_of(mutation.space);
    }
    Status status = apply(actor, mutation, open_key);
    if (!status.ok()) return status;
  }
  ++frames_;
  if (!reader.ok()) return {StatusCode::kCorrupt, "a frame of the commit log holds an unknown change"};
  return {};
}

// Rows of flushed databases whose erasure a crash forgot. Before the replay: it may begin before a flush, and
// then works on the rows of that database until it comes to it.
Status Recovery::erase_unmapped_spaces() {
  std::vector<uint32_t> mapped;
  for (const auto& tables : core_.keyspace.databases) mapped.push_back(tables->space);
  std::sort(mapped.begin(), mapped.end());
  uint32_t next = 0;
  mapped.push_back(core_.keyspace.next_space);
  for (const uint32_t space : mapped) {
    if (space > next) {
      const std::string lower = space_range(next).lower;
      const std::string upper = space_range(space - 1).upper;
      for (const Family family : {Family::kRecords, Family::kElements}) {
        Status status = core_.store->erase_range(family, lower, upper);
        if (!status.ok()) return status;
      }
    }
    next = space + 1;
  }
  return {};
}

Status Recovery::run(const std::function<void(const std::string&)>& progress) {
  uint64_t replay_from = 0;
  Status status = restore_state(&replay_from);
  if (status.ok()) status = erase_unmapped_spaces();
  if (status.ok()) status = core_.hints.load(*core_.store);
  if (!status.ok()) return status;
  status = core_.log->recover(
      replay_from, [this](uint64_t, std::string_view frame) { return replay(frame); },
      [&](uint64_t done, uint64_t total) {
        progress("Replaying the commit log: " + std::to_string(done * 100 / std::max<uint64_t>(total, 1)) +
                 "% of " + std::to_string(total >> 20) + " MiB");
      });
  if (!status.ok()) return status;
  core_.hints.drop_unmapped();
  // What a single node wrote before its first checkpoint.
  if (core_.options.replicated && !store_replicated_ && frames_ > 0) core_.converted = true;
  if (frames_ > 0) {
    progress("Replayed " + std::to_string(mutations_) + " changes in " + std::to_string(frames_) +
             " frames of the commit log");
  }
  return {};
}

}  // namespace starling::engine
