// Takes what changed in memory to the store, exactly as it was at one moment, while writes go on.
//
// States of a checkpoint:
//   1. Begin, under all stripes: the log rotates to segment S; the current tag T becomes the flushing one, later
//      changes get the other tag; the counts and the mapping of databases are copied.
//   2. Sweep, one partition after another under its stripe: rows of all that is tagged T, plus what was saved from
//      records that changed after 1. and before the sweep came to them (rows.h). Sorted, they extend the run.
//   3. Apply: the run, with the state row that says "replay from S", becomes durable at once.
//   4. Clear: what is still tagged T is clean now and may be evicted; segments before S are deleted, and so are the
//      rows of databases that were flushed before 1. Last the log is synced.
//
// When 1.-3. fail: what is tagged T is tagged as the current one and waits for the next checkpoint; the log
// keeps all segments, so nothing depends on when that succeeds.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/key_list.h"
#include "engine/base/status.h"
#include "engine/core/core.h"
#include "engine/store/store_meta.h"

namespace starling::engine {

class Checkpointer {
 public:
  explicit Checkpointer(EngineCore& core) : core_(core) {}

  // One thread at a time; blocks on the disk.
  Status run();

 private:
  using HintRows = std::map<std::string, std::optional<std::string>>;
  using Tables = std::vector<std::shared_ptr<DatabaseTables>>;

  Status begin(Tables* tables, StoreState* state, std::vector<uint32_t>* flushed_spaces);
  Status sweep(const Tables& tables, SortedRun& run, KeyList* deadlines);
  Status sweep_partition(DatabaseTables& tables, uint16_t partition, SortedRun& run, KeyList* deadlines);
  Status finish_run(const StoreState& state, KeyList& deadlines, const HintRows& hints, SortedRun& run);
  void clear(const Tables& tables, bool applied);
  void clear_partition(DatabaseTables& tables, uint16_t partition, bool applied);
  bool clear_collection(Entry& entry, bool applied);

  void erase_flushed(const std::vector<uint32_t>& spaces);

  EngineCore& core_;
  uint64_t changes_ = 0;  // Up to the moment the checkpoint began.
};

}  // namespace starling::engine
