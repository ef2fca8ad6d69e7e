#include "engine/node/actor_sweep.h"

#include "engine/memory/kept_actors.h"

namespace starling::engine {

namespace {

void keep_table(ActorTable& actors, const Table& table) {
  for (Table::Slot i = table.begin(); i != table.end(); i = table.next(i)) {
    if (const Entry* entry = table.entry(i)) keep_actors(actors, *entry);
  }
}

}  // namespace

void ActorSweep::begin() {
  core_.keyspace.actors.begin_sweep();
  core_.keyspace.actors.keep(core_.actor_index);
  partition_ = 0;
  under_way_ = true;
}

// Of all databases at once, as they may change places. What was flushed counts too: a checkpoint under way may
// still read it.
void ActorSweep::keep_partition(uint16_t partition) {
  Keyspace& keyspace = core_.keyspace;
  keyspace.stripes.lock(stripe_of(partition));
  for (const auto& tables : keyspace.dropped)
    keep_table(keyspace.actors, tables->partitions[partition].table);
  for (const auto& tables : keyspace.databases) {
    if (tables->used.load(std::memory_order_acquire))
      keep_table(keyspace.actors, tables->partitions[partition].table);
  }
  keyspace.stripes.unlock(stripe_of(partition));
}

// Who holds a stripe may have an index in hand that is in no record yet.
void ActorSweep::end() {
  core_.keyspace.stripes.lock_all();
  core_.keyspace.actors.end_sweep();
  core_.keyspace.stripes.unlock_all();
  under_way_ = false;
}

void ActorSweep::go_on(int64_t budget_us) {
  if (!under_way_ && !core_.keyspace.actors.crowded()) return;
  if (!under_way_) begin();
  const int64_t stop_us = core_.clock.monotonic_us() + budget_us;
  while (partition_ < kPartitionCount) {
    keep_partition(static_cast<uint16_t>(partition_++));
    if (partition_ % 16 == 0 && core_.clock.monotonic_us() >= stop_us) return;
  }
  end();
}

void ActorSweep::run_if_crowded() {
  go_on(INT64_MAX / 2);
}

}  // namespace starling::engine
