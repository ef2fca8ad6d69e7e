#include "engine/memory/keyspace.h"

#include <chrono>
#include <thread>

#include "engine/memory/collection.h"
#include "engine/memory/history.h"

namespace starling::engine {
namespace {

// What one who wants all stripes gives each: commands have one for microseconds, a few for a millisecond.
constexpr int kYields = 200, kPauses = 40;
constexpr std::chrono::microseconds kPause(100);
constexpr std::chrono::milliseconds kBetweenTries(20);

}  // namespace

void SettledStamps::promise(Stamp stamp) {
  Stamp known = promised();
  while (known < stamp && !promised_.compare_exchange_weak(known, stamp, std::memory_order_acq_rel)) {
  }
}

Keyspace::Keyspace() {
  for (uint32_t i = 0; i < kDatabases; ++i)
    databases[i] = std::make_shared<DatabaseTables>(i, static_cast<uint8_t>(i));
}

void Keyspace::drop(std::shared_ptr<DatabaseTables> tables) {
  if (tables->stored) flushed_spaces.push_back(tables->space);
  if (tables->used) dropped.push_back(std::move(tables));
}

void Keyspace::note_change_of_all() {
  for (uint32_t i = 0; i < kPartitionCount; ++i) {
    changes.add(static_cast<uint16_t>(i));
    if (tallies.enabled()) tallies.doubt(static_cast<uint16_t>(i));
  }
}

void Keyspace::release(DatabaseTables& tables) {
  for (uint32_t p = 0; tables.used && p < kPartitionCount; ++p) {
    Table& table = tables.partitions[p].table;
    auto bytes = static_cast<int64_t>(table.memory_bytes());
    int64_t dirty_bytes = 0;
    for (Table::Slot i = table.begin(); i != table.end(); i = table.next(i)) {
      const Entry* entry = table.entry(i);
      if (entry == nullptr) continue;
      const auto size = static_cast<int64_t>(entry_bytes(*entry));
      bytes += size;
      if (table.tag(i) != 0) dirty_bytes += size;
    }
    table.clear();
    const uint16_t stripe = stripe_of(static_cast<uint16_t>(p));
    stripes.lock(stripe);
    stripes.add_bytes(stripe, -bytes);
    stripes.add_dirty_bytes(stripe, -dirty_bytes);
    stripes.unlock(stripe);
  }
}

void DatabaseTables::allocate() {
  std::call_once(once, [this] {
    partitions = std::make_unique<Partition[]>(kPartitionCount);
    used.store(true, std::memory_order_release);
  });
}

bool Stripes::try_lock_all() {
  for (size_t i = 0; i < stripes_.size(); ++i) {
    for (int tries = 0; !stripes_[i].mutex.try_lock(); ++tries) {
      if (tries == kYields + kPauses) {
        while (i-- > 0) stripes_[i].mutex.unlock();
        return false;
      }
      if (tries < kYields) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(kPause);
      }
    }
  }
  return true;
}

void Stripes::lock_all() {
  while (!try_lock_all()) std::this_thread::sleep_for(kBetweenTries);
}

Stripes::Totals Stripes::all_totals() const {
  Totals totals;
  for (const Stripe& stripe : stripes_) {
    totals.bytes += stripe.bytes.load(std::memory_order_relaxed);
    totals.dirty_bytes += stripe.dirty_bytes.load(std::memory_order_relaxed);
    totals.hits += stripe.hits.load(std::memory_order_relaxed);
    totals.misses += stripe.misses.load(std::memory_order_relaxed);
    totals.changes += stripe.changes.load(std::memory_order_relaxed);
  }
  totals.bytes += bytes_.load(std::memory_order_relaxed);
  totals.dirty_bytes += dirty_bytes_.load(std::memory_order_relaxed);
  return totals;
}

Stripes::Totals Stripes::totals() const {
  Totals totals = all_totals();
  totals.hits -= forgotten_hits_.load(std::memory_order_relaxed);
  totals.misses -= forgotten_misses_.load(std::memory_order_relaxed);
  return totals;
}

void Stripes::reset_lookups() {
  const Totals totals = all_totals();
  forgotten_hits_.store(totals.hits, std::memory_order_relaxed);
  forgotten_misses_.store(totals.misses, std::memory_order_relaxed);
}

size_t entry_bytes(const Entry& entry) {
  size_t bytes = entry.allocated_bytes();
  if (!entry.has(Entry::kExternal)) return bytes;
  if (entry.type() == Type::kNone) return bytes + entry.history()->memory_bytes();
  if (entry.type() == Type::kString) {
    const BigValue& big = *entry.big_value();
    bytes += sizeof(BigValue) + allocation_bytes(big.capacity);
    return big.history == nullptr ? bytes : bytes + big.history->memory_bytes();
  }
  return bytes + entry.collection()->memory_bytes();
}

}  // namespace starling::engine
