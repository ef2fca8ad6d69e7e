// The production Store, on RocksDB.
//
// Nothing goes through RocksDB's write-ahead log, and next to nothing through its memtables: a sorted run
// becomes one table file per family, which is ingested. What was measured before this was chosen is in the
// README.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/status.h"
#include "engine/store/store.h"

namespace starling::engine {

struct RocksOptions {
  // Created when it is missing (its parent must exist). RocksDB keeps its own lock file in it.
  std::string directory;

  // Data blocks, index and filter partitions, and values read from blob files share it. Hot records are in
  // the engine's memory already, so this one mostly saves the reads of index and filters: with less than
  // about two bytes for each row on the disk, a miss costs several reads instead of one.
  uint64_t block_cache_bytes = 64ull << 20;

  // Values of at least so many bytes move to blob files at the first compaction, after which compactions no
  // longer copy them. That pays in a store of several levels; it costs a fifth of the space (LZ4 instead of
  // ZSTD, and dead blobs) and a second read, so not for small ones.
  uint64_t blob_bytes_min = 32 << 10;

  // A run's files are split at this size. Each counts for the compaction trigger, so small files would make a
  // large run compact at once; one file larger than this would make a compaction's memory and its steps too
  // large.
  uint64_t run_file_bytes = 256ull << 20;

  // What compactions may write per second, so that they leave the disk to the commit log's syncs.
  uint64_t compaction_bytes_per_second = 128ull << 20;

  // Threads for compactions. They have a somewhat lower CPU priority than all others of the process.
  int background_jobs = 2;

  // Table and blob files held open, each with a small reader in memory. Bounded, since a large store has
  // thousands.
  int open_files_max = 1024;

  // apply() waits for compactions while a family has more files of runs than this: a read looks into each of
  // them.
  int run_files_max = 24;
};

// kLocked: another process has it open. kCorrupt, kNewerFormat, kNoSpace, kIoError otherwise; the message
// names the directory. Iterators and runs must not outlive the store.
Status open_rocks_store(const RocksOptions& options, std::unique_ptr<Store>* store);

}  // namespace starling::engine
