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

void Packer::next_partition() {
  database_ = 0;
  slot_ = element_slot_ = 0;
  if (++partition_ < kPartitionCount) return;
  partition_ = 0;
  ++rounds_;
}

// Of a table that `owner`, itself or a collection, may move things of. `inside` packs what an entry owns. False when
// the rest is left for the next time.
template <typename Owner, typename Inside>
bool Packer::pack_table(Heap& heap, const Table& table, Owner& owner, Table::Slot* slot, Inside inside) {
  for (*slot = table.at_or_after(*slot); *slot != table.end();) {
    if (left_-- <= 0) return false;
    if (const Entry* entry = table.entry(*slot)) {
      if (!inside(*entry)) return false;
      moved_bytes_ += owner.move_entry(heap, *slot);
    }
    const Table::Slot next = table.next(*slot);
    if (next != *slot + 1 || next == table.end()) moved_bytes_ += owner.move_slots(heap, *slot);
    *slot = next;
  }
  return true;
}

bool Packer::pack_collection(Heap& heap, Collection& collection) {
  const auto nothing = [](const Entry&) { return true; };
  if (!pack_table(heap, collection.elements(), collection, &element_slot_, nothing)) return false;
  element_slot_ = 0;
  return true;
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
    done = pack_table(heap, table, table, &slot_, [&](const Entry& entry) {
      return !is_collection(entry) || pack_collection(heap, *entry.collection());
    });
    if (!done) break;
    slot_ = 0;
  }
  stripes.unlock(stripe);
  if (done) next_partition();
}

}  // namespace starling::engine
