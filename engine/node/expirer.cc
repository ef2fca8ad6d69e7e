#include "engine/node/expirer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/record/storage_key.h"

namespace starling::engine {

namespace {

constexpr size_t kSlice = 256;

// The names in a partition whose hash begins with the reference's prefix: nearly always one.
std::vector<std::string> names_of(const Table& table, uint64_t hash_prefix) {
  std::vector<std::string> names;
  const uint64_t lowest = hash_prefix << DeadlineIndex::kDroppedBits;
  const uint64_t highest = ((hash_prefix + 1) << DeadlineIndex::kDroppedBits) - 1;
  for (Table::Slot i = table.lower_slot(lowest); i != table.end(); i = table.next(i)) {
    if (table.entry(i) == nullptr && table.home_slot(highest) <= i) break;
    if (table.entry(i) == nullptr) continue;
    const std::string_view name = table.entry(i)->key();
    if (hash_of(name) >> DeadlineIndex::kDroppedBits == hash_prefix) names.emplace_back(name);
  }
  return names;
}

}  // namespace

void Expirer::expire(const DeadlineIndex::Reference& reference, int64_t now_ms) {
  Operation operation(engine_, now_ms);
  operation.treat_late(Late::kRemoved);  // It is noted as done: nobody comes again.
  operation.lock_partition(reference.partition);
  const auto& databases = core_.keyspace.databases;
  const auto at = std::find_if(databases.begin(), databases.end(),
                               [&](const auto& tables) { return tables->deadline_slot == reference.slot; });
  if (at != databases.end() && (*at)->used) {
    Database database = operation.database(static_cast<int>(at - databases.begin()));
    for (const std::string& name :
         names_of((*at)->partitions[reference.partition].table, reference.hash_prefix)) {
      const Key key(name);
      const Found found = database.find(key, Touch::kNo);  // Removes it when it is due.
      if (!found || found.deadline_ms() == kNoDeadline) continue;
      core_.deadlines.add(reference.slot, key, found.deadline_ms());
    }
  }
  operation.finish();
}

bool Expirer::expire_in_memory(int64_t budget_us) {
  const int64_t stop_us = core_.clock.monotonic_us() + budget_us;
  std::vector<DeadlineIndex::Reference> due;
  bool more = true;
  while (more && core_.clock.monotonic_us() < stop_us) {
    due.clear();
    const int64_t now_ms = core_.clock.wall_ms();
    more = core_.deadlines.take_due(now_ms, kSlice, &due);
    for (const DeadlineIndex::Reference& reference : due) expire(reference, now_ms);
  }
  return more;
}

Status Expirer::expire(std::string_view record_key, int64_t now_ms) {
  RecordKey row;
  if (!decode_record_key(record_key, &row)) return {};
  const Key key(row.name);
  int database = -1;
  core_.keyspace.stripes.lock(stripe_of(key.partition));
  for (int i = 0; i < kDatabases; ++i) {
    if (core_.keyspace.databases[static_cast<size_t>(i)]->space == row.space) database = i;
  }
  core_.keyspace.stripes.unlock(stripe_of(key.partition));
  if (database < 0) return {};  // Of a flushed database.
  Status status = loader_.load(database, key);
  // One damaged record must not keep all others from expiring.
  if (!status.ok()) return status.code() == StatusCode::kCorrupt ? Status() : status;
  Operation operation(engine_, now_ms);
  operation.treat_late(Late::kRemoved);  // Noted as done already: nobody comes again.
  operation.lock({database, key});
  if (operation.resident({database, key})) {
    const Found found = operation.database(database).find(key, Touch::kNo);
    // Prolonged since it was stored: the row goes now, and the one of the new deadline may not be there yet.
    if (found && found.deadline_ms() != kNoDeadline) {
      const auto& tables = *core_.keyspace.databases[static_cast<size_t>(database)];
      core_.deadlines.add(tables.deadline_slot, key, found.deadline_ms());
    }
  }
  operation.finish();
  return {};
}

bool Expirer::expire_in_store(int64_t budget_us) {
  const int64_t stop_us = core_.clock.monotonic_us() + budget_us;
  const int64_t now_ms = core_.clock.wall_ms();
  const KeyRange range = deadline_range(now_ms);
  std::string done;
  {
    const auto iterator = core_.store->iterate(Family::kDeadlines, range.lower, range.upper);
    for (; iterator->valid() && core_.clock.monotonic_us() < stop_us; iterator->next()) {
      DeadlineKey row;
      if (decode_deadline_key(iterator->key(), &row) && !expire(row.record_key, now_ms).ok()) break;
      done = iterator->key();
    }
  }
  if (done.empty()) return false;
  done.push_back('\0');
  // Not durable before the next checkpoint; then the rows are looked at once more, which does no harm.
  return core_.store->erase_range(Family::kDeadlines, range.lower, done).ok();
}

void Expirer::prune_index() {
  constexpr uint64_t kKeep = 16'384;
  uint64_t needed = 0;
  Stripes& stripes = core_.keyspace.stripes;
  stripes.lock(0);
  for (const auto& tables : core_.keyspace.databases) needed += tables->with_deadline;
  stripes.unlock(0);
  if (core_.deadlines.size() < needed + needed / 2 + kKeep) return;
  core_.deadlines.clear();
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    const auto number = static_cast<uint16_t>(p);
    stripes.lock(stripe_of(number));
    for (const auto& tables : core_.keyspace.databases) {
      if (!tables->used) continue;
      const Table& table = tables->partitions[p].table;
      for (Table::Slot i = table.begin(); i != table.end(); i = table.next(i)) {
        const Entry* entry = table.entry(i);
        if (entry == nullptr || entry->tombstone() || !entry->has(Entry::kHasDeadline)) continue;
        core_.deadlines.add(tables->deadline_slot, Key(entry->key()), entry->deadline_ms());
      }
    }
    stripes.unlock(stripe_of(number));
  }
}

}  // namespace starling::engine
