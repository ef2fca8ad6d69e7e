// Walking the versions of a partition, in memory and in the store, and changing some. See replication.h.
//
// A cursor is database << 48 | hash. Like Scanner's steps, one looks at memory first and at the store
// afterwards: a record that leaves memory in between is in the store by then.
#include <algorithm>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/core/core.h"
#include "engine/core/loader.h"
#include "engine/memory/record_form.h"
#include "engine/memory/settled.h"
#include "engine/record/storage_key.h"
#include "engine/replica/replication.h"

namespace starling::engine {

namespace {

constexpr uint64_t kEnd = uint64_t{1} << kHashBits;

Status damaged(std::string_view name) {
  return {StatusCode::kCorrupt, "the record of key '" + std::string(name.substr(0, 64)) + "' is damaged"};
}

struct SeenVersion {
  std::string name;
  std::string context;
  Stamp ripe = kNeverRipe;
  size_t siblings = 0;
};

// One stretch [from, until) of one partition of one database.
class Step {
 public:
  Step(EngineCore& core, uint16_t partition, uint64_t from, size_t limit)
      : core_(core), partition_(partition), from_(from), limit_(std::max<size_t>(limit, 1)) {}

  // Returns where the next stretch begins, kEnd at the partition's end.
  Status run(int database, uint64_t* until, std::vector<SeenVersion>* found);

 private:
  struct Hit {
    uint64_t hash;
    SeenVersion version;
  };
  void look_in_memory(const DatabaseTables& tables);
  Status look_in_store(uint32_t space);
  Status context_of_row(uint32_t space, std::string_view name, std::string_view row, SeenVersion* version);

  EngineCore& core_;
  const uint16_t partition_;
  const uint64_t from_;
  const size_t limit_;
  uint64_t until_ = kEnd;
  bool complete_ = true;
  std::unordered_set<std::string> in_memory_;  // Their rows are out of date.
  std::vector<Hit> hits_;
};

// The stripe is held.
void Step::look_in_memory(const DatabaseTables& tables) {
  const Partition& partition = tables.partitions[partition_];
  const Table& table = partition.table;
  complete_ = partition.complete || !core_.durable();
  for (Table::Slot i = table.lower_slot(from_); i != table.end(); i = table.next(i)) {
    const Entry* entry = table.entry(i);
    if (until_ == kEnd && hits_.size() >= limit_) until_ = std::min(kEnd, table.hash_after(i));
    if (entry == nullptr) {
      if (until_ != kEnd && table.home_slot(until_) <= i) break;
      continue;
    }
    const uint64_t hash = hash_of(entry->key());
    if (hash < from_ || hash >= until_) continue;
    if (!complete_) in_memory_.emplace(entry->key());
    const VersionVector context = engine::context_of(core_.keyspace.actors, entry);
    if (context.empty()) continue;
    const ActorTable& actors = core_.keyspace.actors;
    hits_.push_back(
        {hash, {std::string(entry->key()), {}, ripe_stamp(actors, *entry), sibling_count(actors, *entry)}});
    encode_context(context, &hits_.back().version.context);
  }
}

Status Step::context_of_row(uint32_t space, std::string_view name, std::string_view row,
                            SeenVersion* version) {
  Shown shown;
  (void)take_cover(&row, &shown);
  Header header;
  if (Status status = decode_header(row, &header); !status.ok()) {
    return status.code() == StatusCode::kCorrupt ? damaged(name) : status;
  }
  VersionVector seen = header.record.context();
  // What a node by itself wrote may have elements of its earlier actors under a simple header.
  if (core_.converted &&
      (has_form(row, Form::kSimpleHeader) || has_form(row, Form::kSimpleHeaderWithDeadline))) {
    const KeyRange range = element_range(space, Key(name));
    const auto iterator = core_.store->iterate(Family::kElements, range.lower, range.upper);
    for (; iterator->valid(); iterator->next()) {
      Siblings siblings;
      if (!decode_element(ElementKind::kField, iterator->value(), &siblings).ok()) return damaged(name);
      for (const Sibling& sibling : siblings) seen.add(sibling.dot);
    }
    if (!iterator->status().ok()) return iterator->status();
  }
  encode_context(seen, &version->context);
  // Nodes that all see the same record give it the same stamp, be it in memory or not.
  version->ripe = ripe_stamp(header);
  version->siblings = sibling_count(header);
  return {};
}

// No stripe needed. Narrows until_ when there are many rows.
Status Step::look_in_store(uint32_t space) {
  const std::string lower = position_bound(space, partition_, from_);
  const std::string upper =
      until_ == kEnd ? partition_range(space, partition_).upper : position_bound(space, partition_, until_);
  size_t rows = 0;
  const auto iterator = core_.store->iterate(Family::kRecords, lower, upper);
  for (; iterator->valid(); iterator->next()) {
    RecordKey key;
    if (!decode_record_key(iterator->key(), &key)) continue;
    if (key.hash >= until_) break;
    if (++rows == limit_) until_ = std::min(until_, key.hash + 1);
    if (in_memory_.count(std::string(key.name)) != 0) continue;
    hits_.push_back({key.hash, {std::string(key.name), {}, kNeverRipe, 0}});
    Status status = context_of_row(space, key.name, iterator->value(), &hits_.back().version);
    if (!status.ok()) return status;
  }
  return iterator->status();
}

Status Step::run(int database, uint64_t* until, std::vector<SeenVersion>* found) {
  Stripes& stripes = core_.keyspace.stripes;
  stripes.lock(stripe_of(partition_));
  const std::shared_ptr<DatabaseTables> tables = core_.keyspace.databases[static_cast<size_t>(database)];
  const bool used = tables->used.load(std::memory_order_acquire);
  if (used) look_in_memory(*tables);
  stripes.unlock(stripe_of(partition_));
  if (used && !complete_) {
    if (Status status = look_in_store(tables->space); !status.ok()) return status;
  }
  std::sort(hits_.begin(), hits_.end(), [](const Hit& a, const Hit& b) {
    return std::tie(a.hash, a.version.name) < std::tie(b.hash, b.version.name);
  });
  for (Hit& hit : hits_) {
    if (hit.hash < until_) found->push_back(std::move(hit.version));
  }
  *until = until_;
  return {};
}

Stamp floor_of_guard(std::string_view context) {
  VersionVector floor;
  constexpr size_t kEntries = 1;
  return decode_context(context, kEntries, &floor).ok() ? floor.floor() : 0;
}

}  // namespace

Status scan_all_versions(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit,
                         const VersionVisitor& visit) {
  uint64_t database = *cursor >> kHashBits;
  uint64_t from = *cursor & (kEnd - 1);
  size_t visited = 0;
  while (database < kDatabases && visited < std::max<size_t>(limit, 1)) {
    std::vector<SeenVersion> found;
    uint64_t until = kEnd;
    Status status =
        Step(engine.core(), partition, from, limit - visited).run(static_cast<int>(database), &until, &found);
    if (!status.ok()) return status;
    for (const SeenVersion& version : found)
      visit({static_cast<int>(database), version.name, version.context, version.ripe, version.siblings});
    visited += found.size();
    from = until == kEnd ? 0 : until;
    if (until == kEnd) ++database;
    *cursor = database < kDatabases ? database << kHashBits | from : 0;
  }
  return {};
}

Status change_versions(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit, int64_t now_ms,
                       const std::function<bool(const VisitedVersion&)>& wanted,
                       const std::function<bool(Replica&, const Key&)>& change, uint64_t* changed) {
  const uint64_t from = *cursor;
  std::vector<std::pair<int, std::string>> keys;
  Status status = scan_all_versions(engine, partition, cursor, limit, [&](const VisitedVersion& version) {
    if (wanted(version)) keys.emplace_back(version.database, version.key);
  });
  for (const auto& [database, name] : keys) {
    const Key key(name);
    // It may be evicted again before it is locked.
    for (bool resident = false; status.ok() && !resident;) {
      status = Loader(engine.core()).load(database, key);
      if (!status.ok()) break;
      Operation operation(engine, now_ms);
      operation.lock({database, key});
      resident = operation.resident({database, key});
      Replica replica(operation, database);
      if (resident && change(replica, key)) ++*changed;
      operation.finish();
    }
  }
  if (!status.ok()) *cursor = from;
  return status;
}

Status scan_versions(Engine& engine, uint16_t partition, uint64_t* cursor, size_t limit,
                     const VersionVisitor& visit) {
  const Stamp settled = settled_up_to(engine, partition);
  return scan_all_versions(engine, partition, cursor, limit, [&](const VisitedVersion& version) {
    // As Replica::told_entry() tells of the key.
    if (version.ripe > settled || (version.ripe == 0 && floor_of_guard(version.context) > settled))
      visit(version);
  });
}

}  // namespace starling::engine
