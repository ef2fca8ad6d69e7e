#include "engine/node/packer.h"

#include "engine/core/entry_change.h"
#include "engine/memory/collection.h"

namespace starling::engine {

namespace {

// So long a stripe is held: some tens of microseconds.
constexpr int kSlotsAtOnce = 512;

}  // namespace

void Packer::pack(Heap& heap, int64_t budget_us) {
  const int64_t stop_us = core_.clock.monotonic_us() + budget_us;
  const uint64_t end_round = rounds_ + 1;
  while (rounds_ != end_round && core_.clock.monotonic_us() < stop_us) pack_some(heap);
}

void Packer::pack_some(Heap& heap) {
  Stripes& stripes = core_.keyspace.stripes;
  const uint16_t stripe = stripe_of(static_cast<uint16_t>(partition_));
  if (!stripes.try_lock(stripe)) return next_partition();
  left_ = kSlotsAtOnce;
  bool done = true;
  for (; database_ < kDatabases; ++database_) {
    DatabaseTables& tables = *core_.keyspace.databases[database_];
    if (!tables.used) continue;
    Table& table = tables.partitions[partition_].table;
    done = pack_table(heap, table, &slot_, true);
    if (!done) break;
    slot_ = 0;
  }
  stripes.unlock(stripe);
  if (done) next_partition();
}

void Packer::next_partition() {
  database_ = 0;
  slot_ = element_slot_ = 0;
  if (++partition_ < kPartitionCount) return;
  partition_ = 0;
  ++rounds_;
}

// False when the rest is left for the next time.
bool Packer::pack_table(Heap& heap, Table& table, Table::Slot* slot, bool collections) {
  for (*slot = table.at_or_after(*slot); *slot != table.end();) {
    if (left_-- <= 0) return false;
    Entry* entry = table.entry(*slot);
    if (entry != nullptr && collections && is_collection(*entry)) {
      Table& elements = entry->collection()->elements();
      if (!pack_table(heap, elements, &element_slot_, false)) return false;
      element_slot_ = 0;
    }
    if (entry != nullptr) move_entry(heap, table, *slot);
    const Table::Slot next = table.next(*slot);
    if (next != *slot + 1 || next == table.end()) moved_bytes_ += table.move_slots(heap, *slot);
    *slot = next;
  }
  return true;
}

void Packer::move_entry(Heap& heap, Table& table, Table::Slot slot) {
  Entry* entry = table.entry(slot);
  const size_t bytes = entry->used_bytes();
  void* moved = heap.move(entry, bytes);
  if (moved == nullptr) return;
  table.replace(slot, static_cast<Entry*>(moved));
  moved_bytes_ += bytes;
}

}  // namespace starling::engine
