#include "engine/node/scanner.h"

#include <algorithm>
#include <unordered_set>

#include "engine/base/simple_codec.h"
#include "engine/memory/record_form.h"
#include "engine/record/storage_key.h"

namespace starling::engine {

namespace {

constexpr int kPrefixBits = 39;
constexpr int kDroppedBits = kHashBits - kPrefixBits;
constexpr uint64_t kEnd = uint64_t{1} << kHashBits;
// A step over a partition with records on disk looks at a window this wide at least: a seek costs more than a
// few rows.
constexpr uint64_t kMinimumDiskStep = 16;

uint64_t round_up(uint64_t hash) {
  return ((hash >> kDroppedBits) + 1) << kDroppedBits;
}

}  // namespace

// One partition's stretch [from, until) of one call.
struct Scanner::Step {
  DatabaseTables* tables;
  uint16_t partition;
  uint64_t from;
  uint64_t until = kEnd;
  uint64_t count;
  const ScanFilter* filter;
  int64_t now_ms;
  bool complete = true;
  std::unordered_set<std::string> in_memory;  // Names the store's rows are hidden by, tombstones included.
  struct Hit {
    uint64_t hash;
    std::string name;
    bool wanted;
  };
  std::vector<Hit> hits;
};

bool Scanner::wanted(const Step& step, Type type, int64_t deadline_ms, std::string_view name) const {
  if (deadline_ms != 0 && deadline_ms <= step.now_ms) return false;
  if (step.filter->type != Type::kNone && step.filter->type != type) return false;
  return !step.filter->match || step.filter->match(name);
}

// The stripe is held.
void Scanner::step_memory(Step& step) {
  const Partition& partition = step.tables->partitions[step.partition];
  const Table& table = partition.table;
  step.complete = partition.complete;
  uint64_t seen = 0;
  for (Table::Slot i = table.lower_slot(step.from); i != table.end(); i = table.next(i)) {
    const Entry* entry = table.entry(i);
    if (step.until == kEnd && seen >= step.count) {
      const uint64_t next = table.hash_after(i);
      const uint64_t rounded = next >> kDroppedBits << kDroppedBits;
      if (next < kEnd && rounded > step.from) step.until = rounded;
    }
    if (entry == nullptr) {
      if (step.until != kEnd && table.home_slot(step.until) <= i) break;
      continue;
    }
    const uint64_t hash = hash_of(entry->key());
    if (hash < step.from || hash >= step.until) continue;
    if (!step.complete) step.in_memory.emplace(entry->key());
    if (entry->tombstone()) continue;
    ++seen;
    step.hits.push_back(
        {hash, std::string(entry->key()), wanted(step, entry->type(), entry->deadline_ms(), entry->key())});
  }
}

// No stripe needed. Narrows step.until when there are many rows.
void Scanner::step_store(Step& step) {
  const uint64_t limit = std::max(step.count, kMinimumDiskStep);
  const std::string lower = position_bound(step.tables->space, step.partition, step.from);
  const std::string upper = step.until == kEnd
                                ? partition_range(step.tables->space, step.partition).upper
                                : position_bound(step.tables->space, step.partition, step.until);
  uint64_t rows = 0;
  const auto iterator = core_.store->iterate(Family::kRecords, lower, upper);
  for (; iterator->valid(); iterator->next()) {
    RecordKey key;
    if (!decode_record_key(iterator->key(), &key)) continue;
    if (key.hash >= step.until) break;
    if (++rows == limit) step.until = std::min(step.until, round_up(key.hash));
    if (step.in_memory.count(std::string(key.name)) != 0) continue;
    ActorId actor;
    Stamp stamp;
    Type type = Type::kString;
    int64_t deadline_ms;
    uint64_t count;
    std::string_view value;
    std::string_view row = iterator->value();
    Shown shown;
    if (take_cover(&row, &shown)) {
      if (shown.type == Type::kNone) continue;
      step.hits.push_back(
          {key.hash, std::string(key.name), wanted(step, shown.type, shown.deadline_ms, key.name)});
      continue;
    }
    if (!decode_simple_string(iterator->value(), &actor, &stamp, &deadline_ms, &value) &&
        !decode_simple_counter(iterator->value(), &actor, &stamp, &deadline_ms, &value) &&
        !decode_simple_header(iterator->value(), &type, &actor, &stamp, &deadline_ms, &count)) {
      continue;
    }
    step.hits.push_back({key.hash, std::string(key.name), wanted(step, type, deadline_ms, key.name)});
  }
}

// Appends what is wanted of one stretch to `found`; returns where the next one begins, kEnd at the
// partition's end.
uint64_t Scanner::scan_partition(int database, uint16_t partition, uint64_t from, uint64_t count,
                                 const ScanFilter& filter, int64_t now_ms, bool locked,
                                 std::vector<std::string>* found, uint64_t* seen) {
  Stripes& stripes = core_.keyspace.stripes;
  if (!locked) stripes.lock(stripe_of(partition));
  const std::shared_ptr<DatabaseTables> tables = core_.keyspace.databases[static_cast<size_t>(database)];
  Step step{tables.get(), partition, from, kEnd, count, &filter, now_ms, true, {}, {}};
  if (tables->used) step_memory(step);
  const bool empty = !tables->used || tables->partitions[partition].live == 0;
  if (!locked) stripes.unlock(stripe_of(partition));
  if (empty) return kEnd;
  if (!step.complete && core_.durable()) step_store(step);
  for (Step::Hit& hit : step.hits) {
    if (hit.hash >= step.until) continue;
    ++*seen;
    if (hit.wanted) found->push_back(std::move(hit.name));
  }
  return step.until;
}

uint64_t Scanner::scan(int database, uint64_t cursor, uint64_t count, const ScanFilter& filter,
                       int64_t now_ms, bool locked, const std::function<void(std::string_view key)>& visit) {
  uint64_t partition = cursor >> kPrefixBits;
  uint64_t from = (cursor & ((uint64_t{1} << kPrefixBits) - 1)) << kDroppedBits;
  uint64_t seen = 0;
  std::vector<std::string> found;
  const uint64_t end = std::min(filter.end_partition, kPartitionCount);
  while (partition < end && seen < count) {
    if (filter.partitions != nullptr && !(*filter.partitions)[partition]) {
      ++partition;
      from = 0;
      continue;
    }
    const uint64_t until = scan_partition(database, static_cast<uint16_t>(partition), from, count - seen,
                                          filter, now_ms, locked, &found, &seen);
    from = until == kEnd ? 0 : until;
    if (until == kEnd) ++partition;
  }
  for (const std::string& name : found) visit(name);
  return partition >= kPartitionCount ? 0 : partition << kPrefixBits | from >> kDroppedBits;
}

std::optional<std::string> Scanner::random_key(int database, int64_t now_ms, bool locked, Random& random) {
  constexpr int kAttempts = 100;
  Stripes& stripes = core_.keyspace.stripes;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // A uniform rank over all live records; counts change meanwhile, which only bends the odds.
    const auto live_in = [&](uint32_t p) {
      if (!locked) stripes.lock(stripe_of(static_cast<uint16_t>(p)));
      const auto& tables = *core_.keyspace.databases[static_cast<size_t>(database)];
      const uint64_t live = tables.used ? tables.partitions[p].live : 0;
      if (!locked) stripes.unlock(stripe_of(static_cast<uint16_t>(p)));
      return live;
    };
    if (!locked) stripes.lock(0);
    const uint64_t total = core_.keyspace.databases[static_cast<size_t>(database)]->live;
    if (!locked) stripes.unlock(0);
    if (total == 0) return std::nullopt;
    auto partition = static_cast<uint32_t>(random.below(kPartitionCount));
    if (total >= 4 * kPartitionCount) {
      if (live_in(partition) == 0) continue;
    } else {
      uint64_t rank = random.below(total);
      uint64_t live;
      for (partition = 0; partition < kPartitionCount && rank >= (live = live_in(partition)); ++partition)
        rank -= live;
      if (partition == kPartitionCount) continue;
    }
    std::vector<std::string> found;
    uint64_t seen = 0;
    for (uint64_t from = 0; from < kEnd;) {
      from = scan_partition(database, static_cast<uint16_t>(partition), from, 1024, {}, now_ms, locked,
                            &found, &seen);
    }
    if (!found.empty()) return std::move(found[random.below(found.size())]);
  }
  return std::nullopt;  // Only expired keys, or all of them vanished meanwhile.
}

}  // namespace starling::engine
