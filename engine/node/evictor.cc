#include "engine/node/evictor.h"

#include <algorithm>
#include <string>

#include "engine/memory/collection.h"

namespace starling::engine {

namespace {

constexpr int kPartitionAttempts = 64;
constexpr uint32_t kWindowSlots = 24;  // Neighbours compared by age in one partition.

bool volatile_only(EvictionPolicy policy) {
  return policy == EvictionPolicy::kVolatileLru || policy == EvictionPolicy::kVolatileLfu ||
         policy == EvictionPolicy::kVolatileRandom || policy == EvictionPolicy::kVolatileTtl;
}

// Greater: goes earlier.
uint64_t score(const EngineCore& core, const Entry& entry, int64_t now_ms, uint64_t noise) {
  if (core.durable()) {
    return core.lfu ? 255 - static_cast<uint64_t>(frequency_of(entry.access(), now_ms))
                    : static_cast<uint64_t>(idle_seconds_of(false, entry.access(), now_ms));
  }
  switch (core.policy.load(std::memory_order_relaxed)) {
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kVolatileLfu:
      return 255 - static_cast<uint64_t>(frequency_of(entry.access(), now_ms));
    case EvictionPolicy::kAllKeysRandom:
    case EvictionPolicy::kVolatileRandom:
      return noise;
    case EvictionPolicy::kVolatileTtl:
      return UINT64_MAX - static_cast<uint64_t>(entry.deadline_ms());
    default:
      return static_cast<uint64_t>(idle_seconds_of(false, entry.access(), now_ms));
  }
}

// The database of a random entry of this partition; -1 when it is empty in all of them. The stripe is held.
int random_database(const EngineCore& core, uint16_t partition, Random& random) {
  uint32_t sizes[kDatabases] = {};
  uint64_t total = 0;
  for (size_t i = 0; i < kDatabases; ++i) {
    const DatabaseTables& tables = *core.keyspace.databases[i];
    if (tables.used) sizes[i] = tables.partitions[partition].table.size();
    total += sizes[i];
  }
  if (total == 0) return -1;
  uint64_t rank = random.below(total);
  int index = 0;
  for (; rank >= sizes[index]; ++index) rank -= sizes[index];
  return index;
}

const Entry* first_entry(const Table& table, Table::Slot from, Table::Slot until, bool volatile_only) {
  for (Table::Slot i = from; i != until; i = table.next(i)) {
    const Entry* entry = table.entry(i);
    if (entry == nullptr) continue;
    if (!volatile_only || (entry->has(Entry::kHasDeadline) && !entry->tombstone())) return entry;
  }
  return nullptr;
}

// The first from a random slot on, with a deadline if so wanted. Null when there is none. Precondition: the table is
// not empty.
const Entry* some_entry(const Table& table, bool volatile_only, Random& random) {
  const Table::Slot start = table.slot_near(random.below(table.sample_size()));
  const Entry* entry = first_entry(table, start, table.end(), volatile_only);
  return entry != nullptr ? entry : first_entry(table, table.begin(), start, volatile_only);
}

}  // namespace

// One random window of one partition: of its clean entries the oldest third goes. Looks at `attempts`
// partitions from a random one on.
bool Evictor::evict_clean(int attempts, Random& random, int* evicted) {
  Stripes& stripes = core_.keyspace.stripes;
  const int64_t now_ms = core_.clock.wall_ms();
  const uint64_t first = random.below(kPartitionCount);
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const auto number = static_cast<uint16_t>((first + static_cast<uint64_t>(attempt)) % kPartitionCount);
    if (!stripes.try_lock(stripe_of(number))) continue;
    const int index = random_database(core_, number, random);
    if (index < 0) {
      stripes.unlock(stripe_of(number));
      continue;
    }
    Partition& partition = core_.keyspace.databases[static_cast<size_t>(index)]->partitions[number];
    Table& table = partition.table;
    struct Candidate {
      uint64_t age;
      Entry* entry;
    };
    Candidate candidates[kWindowSlots];
    size_t count = 0;
    const Table::Slot start =
        table.size() == 0 ? table.end() : table.slot_near(random.below(table.sample_size()));
    Table::Slot slot = start;
    for (uint32_t i = 0; i < kWindowSlots && table.size() != 0; ++i, slot = table.next(slot)) {
      if (slot == table.end()) slot = table.begin();
      if (i != 0 && slot == start) break;
      Entry* entry = table.entry(slot);
      if (entry == nullptr || table.tag(slot) != 0) continue;
      candidates[count++] = {score(core_, *entry, now_ms, 0), entry};
    }
    std::sort(candidates, candidates + count, [](const auto& a, const auto& b) { return a.age > b.age; });
    const size_t victims = (count + 2) / 3;
    const auto table_bytes = static_cast<int64_t>(table.memory_bytes());
    int64_t change = 0;
    for (size_t i = 0; i < victims; ++i) {
      const std::string_view name = candidates[i].entry->key();
      change -= static_cast<int64_t>(entry_bytes(*candidates[i].entry));
      Entry::destroy(table.take(table.find(hash_of(name), name)));
      ++partition.removals;
    }
    if (victims > 0) {
      partition.complete = false;
      stripes.add_bytes(stripe_of(number), change + static_cast<int64_t>(table.memory_bytes()) - table_bytes);
    }
    stripes.unlock(stripe_of(number));
    if (victims == 0) continue;
    core_.evicted.fetch_add(victims, std::memory_order_relaxed);
    *evicted += static_cast<int>(victims);
    return true;
  }
  return false;
}

// Samples entries over random partitions and drops the best candidate.
bool Evictor::evict_by_policy(Random& random) {
  Stripes& stripes = core_.keyspace.stripes;
  const EvictionPolicy policy = core_.policy.load(std::memory_order_relaxed);
  const int wanted_samples = core_.samples.load(std::memory_order_relaxed);
  const int64_t now_ms = core_.clock.wall_ms();
  struct {
    uint64_t score = 0;
    int database = -1;
    std::string name;
  } best;
  int samples = 0;
  for (int attempt = 0; attempt < kPartitionAttempts * 64 && samples < wanted_samples; ++attempt) {
    const auto number = static_cast<uint16_t>(random.below(kPartitionCount));
    if (!stripes.try_lock(stripe_of(number))) continue;
    const int index = random_database(core_, number, random);
    if (index >= 0) {
      const Table* table = &core_.keyspace.databases[static_cast<size_t>(index)]->partitions[number].table;
      if (const Entry* entry = some_entry(*table, volatile_only(policy), random)) {
        const uint64_t entry_score = score(core_, *entry, now_ms, random.next());
        if (best.database < 0 || entry_score > best.score) {
          best.score = entry_score;
          best.database = index;
          best.name = entry->key();
        }
        ++samples;
      }
    }
    stripes.unlock(stripe_of(number));
  }
  return best.database >= 0 && drop(best.database, best.name);
}

bool Evictor::drop(int database, const std::string& name) {
  Stripes& stripes = core_.keyspace.stripes;
  const Key key(name);
  const uint16_t stripe = stripe_of(key.partition);
  if (!stripes.try_lock(stripe)) return true;  // Busy, so not idle: another sample will do.
  DatabaseTables& tables = *core_.keyspace.databases[static_cast<size_t>(database)];
  if (!tables.used) {
    stripes.unlock(stripe);
    return true;
  }
  Partition& partition = tables.partition(key);
  const Table::Slot slot = partition.table.find(key.hash, key.name);
  if (slot != Table::kNotFound) {
    const auto table_bytes = static_cast<int64_t>(partition.table.memory_bytes());
    Entry* entry = partition.table.take(slot);
    const bool live = !entry->tombstone();
    if (live) tables.add_live(partition, -1);
    if (live && entry->has(Entry::kHasDeadline)) tables.add_with_deadline(partition, -1);
    stripes.add_bytes(stripe, static_cast<int64_t>(partition.table.memory_bytes()) - table_bytes -
                                  static_cast<int64_t>(entry_bytes(*entry)));
    Entry::destroy(entry);
    core_.evicted.fetch_add(1, std::memory_order_relaxed);
    if (live) core_.observer.modified(database, key.name);
    if (live) core_.observer.evicted(database, key.name);
  }
  stripes.unlock(stripe);
  return true;
}

bool Evictor::make_room(int limit, Random& random) {
  int evicted = 0;
  // Few big values are in few partitions: whoever may evict many takes the time to find them.
  const int attempts = std::clamp(limit, kPartitionAttempts, static_cast<int>(kPartitionCount));
  while (over_budget() && evicted < limit) {
    if (core_.durable()) {
      if (!evict_clean(attempts, random, &evicted)) return false;
    } else {
      if (core_.policy == EvictionPolicy::kNoEviction || !evict_by_policy(random)) return false;
      ++evicted;
    }
  }
  return true;
}

}  // namespace starling::engine
