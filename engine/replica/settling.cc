// What a node does with a partition that is settled: says so in its log, and removes tombstones for good. See
// replication.h and settled.h.
#include <algorithm>

#include "engine/core/core.h"
#include "engine/core/entry_change.h"
#include "engine/core/mutation.h"
#include "engine/core/rows.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/replica/replication.h"

namespace starling::engine {

Stamp settled_up_to(Engine& engine, uint16_t partition) {
  return engine.core().keyspace.settled.of(partition);
}

bool settle(Engine& engine, uint16_t partition, Stamp stamp, uint32_t changes, int64_t now_ms) {
  Operation operation(engine, now_ms);
  operation.lock_partition(partition);
  const bool same = change_count(engine, partition) == changes;
  if (same && settled_up_to(engine, partition) < stamp) Replica(operation, 0).settle(partition, stamp);
  operation.finish();
  return same;
}

StampPromise promise_stamp(Engine& engine, int64_t now_ms) {
  const Stamp wall = stamp_at(now_ms);
  const Stamp stamp = std::min(engine.core().hybrid_clock.next(now_ms), wall);
  Operation operation(engine, now_ms);
  Replica(operation, 0).settle(kPartitionCount, stamp);
  return {stamp, operation.finish()};
}

Stamp last_stamp(Engine& engine) {
  return engine.core().hybrid_clock.last();
}

Status observe_stamp(Engine& engine, Stamp stamp, int64_t now_ms) {
  return engine.core().hybrid_clock.observe(stamp, now_ms);
}

void trust_stamps(Engine& engine, bool all) {
  engine.core().hybrid_clock.trust(all);
}

void Replica::settle(uint32_t partition, Stamp stamp) {
  EngineCore& core = operation_.core_;
  if (partition == kPartitionCount) {
    core.keyspace.settled.promise(stamp);
  } else {
    const auto number = static_cast<uint16_t>(partition);
    core.keyspace.settled.raise(number, stamp);
    core.keyspace.changes.add(number);
    // What is ripe now is no part of it any more.
    VersionTallies& tallies = core.keyspace.tallies;
    if (tallies.enabled() && tallies.of(number).ripe <= stamp) tallies.doubt(number);
  }
  core.hybrid_clock.restore(stamp);
  Mutation mutation;
  mutation.kind = MutationKind::kSettle;
  mutation.partition = partition;
  mutation.stamp = stamp;
  operation_.log(mutation);
}

void Replica::unsettle(uint16_t partition, bool lost) {
  Keyspace& keyspace = operation_.core_.keyspace;
  keyspace.settled.clear(partition, lost ? kLost : 0);
  keyspace.changes.add(partition);
  // What was ripe is a part of it again.
  if (keyspace.tallies.enabled()) keyspace.tallies.doubt(partition);
  Mutation mutation;
  mutation.kind = MutationKind::kUnsettle;
  mutation.partition = partition;
  mutation.lost = lost;
  operation_.log(mutation);
}

bool is_lost(Engine& engine, uint16_t partition) {
  return settled_up_to(engine, partition) == kLost;
}

void unsettle(Engine& engine, uint16_t partition, bool lost, int64_t now_ms) {
  if (settled_up_to(engine, partition) == (lost ? kLost : 0)) return;
  Operation operation(engine, now_ms);
  operation.lock_partition(partition);
  Replica(operation, 0).unsettle(partition, lost);
  operation.finish();
}

Status forget_partition(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, int64_t now_ms,
                        const std::function<bool()>& may_forget, uint64_t* forgotten) {
  const auto wanted = [](const VisitedVersion&) { return true; };
  const auto change = [&](Replica& replica, const Key& key) { return may_forget() && replica.forget(key); };
  return change_versions(engine, partition, cursor, limit, now_ms, wanted, change, forgotten);
}

Status reap(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, int64_t now_ms,
            uint64_t* reaped) {
  const Stamp settled = settled_up_to(engine, partition);
  const auto wanted = [settled](const VisitedVersion& version) { return version.ripe <= settled; };
  const auto change = [](Replica& replica, const Key& key) { return replica.reap(key); };
  return change_versions(engine, partition, cursor, limit, now_ms, wanted, change, reaped);
}

bool Replica::reap(const Key& key) {
  const EngineCore& core = operation_.core_;
  const Entry* entry = entry_of(key);
  const Stamp settled = core.keyspace.settled.of(key.partition);
  if (entry == nullptr || ripe_stamp(core.keyspace.actors, *entry) > settled) return false;
  if (!VersionVector().covers(context_of(core.keyspace.actors, entry), settled)) return false;
  Database database(operation_, database_);
  Partition& partition = database.tables_->partition(key);
  database.forget(partition, partition.table.find(key.hash, key.name), key);
  return true;
}

}  // namespace starling::engine
