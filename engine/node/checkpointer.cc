#include "engine/node/checkpointer.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/core/entry_change.h"
#include "engine/core/rows.h"
#include "engine/memory/collection.h"
#include "engine/record/storage_key.h"

namespace starling::engine {

namespace {

// Takes the rows' values away one by one: a large one is not kept while the run writes it out.
Status put_rows(std::vector<Row> rows, SortedRun& run) {
  for (Row& row : rows) {
    Status status;
    switch (row.kind) {
      case Row::Kind::kEraseRange:
        status = run.erase_range(row.family, row.key, row.value);
        break;
      case Row::Kind::kErase:
        status = run.erase(row.family, row.key);
        break;
      case Row::Kind::kPut:
        status = run.put(row.family, row.key, row.value);
        break;
    }
    if (!status.ok()) return status;
    if (row.value.size() < kBigValueBytes) continue;
    row.value.clear();
    row.value.shrink_to_fit();
  }
  return {};
}

bool before(const Row& a, const Row& b) {
  if (a.family != b.family) return a.family < b.family;
  const int order = a.key.compare(b.key);
  return order != 0 ? order < 0 : a.kind < b.kind;
}

// The rows of deadlines are keys alone, and are sorted by them: they wait for the end of the sweep.
void move_deadlines(std::vector<Row>* rows, KeyList* deadlines) {
  std::erase_if(*rows, [&](const Row& row) {
    if (row.family != Family::kDeadlines) return false;
    STARLING_ASSERT(row.kind == Row::Kind::kPut && row.value.empty());
    deadlines->add(row.key);
    return true;
  });
}

// A record that was erased and saved, and one that carries both a saved and a swept range erasure, name a key
// twice.
void drop_repeated(std::vector<Row>* rows) {
  const auto same = [](const Row& a, const Row& b) {
    return a.family == b.family && a.key == b.key && a.kind == b.kind;
  };
  rows->erase(std::unique(rows->begin(), rows->end(), same), rows->end());
}

}  // namespace

Status Checkpointer::begin(Tables* tables, StoreState* state, std::vector<uint32_t>* flushed_spaces) {
  Stripes& stripes = core_.keyspace.stripes;
  stripes.lock_all();
  uint64_t segment = 0;
  Status status = core_.log->rotate(&segment);
  if (status.ok()) {
    *state = capture_state(core_.keyspace, core_.options.replicated);
    state->converted = core_.converted;
    state->replay_from = segment;
    core_.flushing_tag = core_.current_tag;
    core_.current_tag = static_cast<DirtyTag>(3 - core_.current_tag);
    ++core_.checkpoint_number;
    core_.deadlines.begin_checkpoint();
    changes_ = stripes.totals().changes;
    for (const auto& database : core_.keyspace.databases) {
      if (!database->used) continue;
      database->stored = true;
      tables->push_back(database);
    }
    flushed_spaces->swap(core_.keyspace.flushed_spaces);
  }
  stripes.unlock_all();
  std::sort(tables->begin(), tables->end(), [](const auto& a, const auto& b) { return a->space < b->space; });
  return status;
}

Status Checkpointer::sweep_partition(DatabaseTables& tables, uint16_t number, SortedRun& run,
                                     KeyList* deadlines) {
  Stripes& stripes = core_.keyspace.stripes;
  const uint16_t stripe = stripe_of(number);
  stripes.lock(stripe);
  Partition& partition = tables.partitions[number];
  partition.swept = core_.checkpoint_number;
  std::vector<Row> rows = core_.saved_rows.take(tables.space, number);
  const Table& table = partition.table;
  for (Table::Slot i = table.begin(); partition.dirty > 0 && i != table.end(); i = table.next(i)) {
    Entry* entry = table.entry(i);
    if (entry == nullptr || table.tag(i) == 0) continue;
    const Key key(entry->key());
    if (!is_collection(*entry)) {
      if (table.tag(i) == core_.flushing_tag) append_record_rows(core_, tables, key, *entry, &rows);
      continue;
    }
    Collection& collection = *entry->collection();
    append_dirty_elements(core_, tables, key, collection, core_.flushing_tag, &rows);
    if (collection.header_tag() == core_.flushing_tag) append_record_rows(core_, tables, key, *entry, &rows);
  }
  stripes.unlock(stripe);
  if (rows.empty()) return {};
  move_deadlines(&rows, deadlines);
  std::sort(rows.begin(), rows.end(), before);
  drop_repeated(&rows);
  return put_rows(std::move(rows), run);
}

Status Checkpointer::sweep(const Tables& tables, SortedRun& run, KeyList* deadlines) {
  for (const auto& database : tables) {
    for (uint32_t p = 0; p < kPartitionCount; ++p) {
      Status status = sweep_partition(*database, static_cast<uint16_t>(p), run, deadlines);
      if (!status.ok()) return status;
    }
  }
  return {};
}

Status Checkpointer::finish_run(const StoreState& state, KeyList& deadlines, const HintRows& hints,
                                SortedRun& run) {
  Status status;
  for (const std::string_view key : deadlines.sorted()) {
    if (status.ok()) status = run.put(Family::kDeadlines, key, {});
  }
  for (const auto& [row, value] : hints) {
    if (status.ok()) status = value ? run.put(Family::kHints, row, *value) : run.erase(Family::kHints, row);
  }
  if (status.ok()) status = run.put(Family::kMeta, kStateKey, encode_state(state));
  if (status.ok()) status = run.apply();
  return status;
}

void Checkpointer::clear_partition(DatabaseTables& tables, uint16_t number, bool applied) {
  Stripes& stripes = core_.keyspace.stripes;
  const uint16_t stripe = stripe_of(number);
  stripes.lock(stripe);
  Partition& partition = tables.partitions[number];
  Table& table = partition.table;
  const DirtyTag flushed = core_.flushing_tag;
  for (Table::Slot i = table.begin(); partition.dirty > 0 && i != table.end();) {
    Entry* entry = table.entry(i);
    if (entry == nullptr || table.tag(i) == 0) {
      i = table.next(i);
      continue;
    }
    const auto bytes_before = static_cast<int64_t>(entry_bytes(*entry));
    bool clean = table.tag(i) == flushed;
    if (is_collection(*entry)) {
      clean = clear_collection(*entry, applied);
    } else if (clean && !applied) {
      clean = false;
    } else if (clean) {
      entry->clear_flag(Entry::kPurge);
    }
    if (!clean) {
      table.set_tag(i, core_.current_tag);
      const auto change = static_cast<int64_t>(entry_bytes(*entry)) - bytes_before;
      stripes.add_bytes(stripe, change);
      stripes.add_dirty_bytes(stripe, change);
      i = table.next(i);
      continue;
    }
    --partition.dirty;
    stripes.add_dirty_bytes(stripe, -bytes_before);
    table.set_tag(i, 0);
    int64_t change = 0;
    if (entry->tombstone() && (!core_.options.replicated || forgotten(*entry))) {
      const auto table_bytes = static_cast<int64_t>(table.memory_bytes());
      Entry::destroy(table.take(i, &i));
      ++partition.removals;
      change = static_cast<int64_t>(table.memory_bytes()) - table_bytes - bytes_before;
    } else {
      change = static_cast<int64_t>(entry_bytes(*entry)) - bytes_before;
      i = table.next(i);
    }
    stripes.add_bytes(stripe, change);
  }
  stripes.unlock(stripe);
}

// True when nothing of the collection waits for a checkpoint any more.
bool Checkpointer::clear_collection(Entry& entry, bool applied) {
  Collection& collection = *entry.collection();
  const DirtyTag flushed = core_.flushing_tag;
  const DirtyTag after = applied ? 0 : core_.current_tag;
  collection.end_checkpoint(flushed, after);
  if (collection.header_tag() == flushed) collection.set_header_tag(after);
  // Also when the header changed again since: purged once more, the elements that are clean now would be
  // lost.
  if (applied && collection.purged_in() == core_.checkpoint_number) entry.clear_flag(Entry::kPurge);
  return collection.header_tag() == 0;
}

void Checkpointer::clear(const Tables& tables, bool applied) {
  for (const auto& database : tables) {
    for (uint32_t p = 0; p < kPartitionCount; ++p)
      clear_partition(*database, static_cast<uint16_t>(p), applied);
  }
  core_.keyspace.stripes.lock_all();
  core_.flushing_tag = 0;
  core_.keyspace.stripes.unlock_all();
  core_.saved_rows.clear();
}

// What the applied state does not refer to any more. A crash that forgets the erasure leaves it to the next
// start, a failure too.
void Checkpointer::erase_flushed(const std::vector<uint32_t>& spaces) {
  for (const uint32_t space : spaces) {
    const KeyRange range = space_range(space);
    (void)core_.store->erase_range(Family::kRecords, range.lower, range.upper);
    (void)core_.store->erase_range(Family::kElements, range.lower, range.upper);
  }
}

Status Checkpointer::run() {
  STARLING_ASSERT(core_.durable());
  Tables tables;
  StoreState state;
  std::vector<uint32_t> flushed_spaces;
  Status status = begin(&tables, &state, &flushed_spaces);
  if (!status.ok()) return status;
  KeyList deadlines;
  const std::unique_ptr<SortedRun> run = core_.store->begin_run();
  status = sweep(tables, *run, &deadlines);
  HintRows hints = core_.hints.take_changes();
  if (status.ok()) status = finish_run(state, deadlines, hints, *run);
  clear(tables, status.ok());
  if (!status.ok()) core_.hints.restore_changes(hints);
  if (!status.ok()) {
    core_.keyspace.stripes.lock_all();
    auto& waiting = core_.keyspace.flushed_spaces;
    waiting.insert(waiting.end(), flushed_spaces.begin(), flushed_spaces.end());
    core_.keyspace.stripes.unlock_all();
    return status;
  }
  core_.checkpointed_changes = changes_;
  core_.deadlines.end_checkpoint(core_.clock.wall_ms());
  erase_flushed(flushed_spaces);
  status = core_.log->drop_before(state.replay_from);
  // Without appendfsync nothing else syncs the log, and where it last was is how damage is told from a torn
  // tail.
  const Status synced = core_.log->sync();
  return status.ok() ? synced : status;
}

}  // namespace starling::engine
