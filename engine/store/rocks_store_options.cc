#include "engine/store/rocks_store_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <climits>
#include <cstdint>

namespace starling::engine {
namespace {

constexpr double kFilterBitsPerKey = 10;  // One absent key in a hundred costs a read.
constexpr int kLevels = 7;
constexpr uint64_t kSyncStepBytes = 1 << 20;
// Of each file that is being written; a checkpoint and two compactions write five or more at a time.
constexpr size_t kFileBufferBytes = 256 << 10;

// A library built without one of them must still be able to make stores.
rocksdb::CompressionType supported(rocksdb::CompressionType wanted) {
  const auto all = rocksdb::GetSupportedCompressions();
  return std::find(all.begin(), all.end(), wanted) != all.end() ? wanted : rocksdb::kNoCompression;
}

rocksdb::BlockBasedTableOptions table_options(Family family, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  // Twice the default: half the index for records of about a hundred bytes, and better compression.
  table.block_size = 8 << 10;
  // Index and filters live in the block cache and so under its limit, but leave it after the data blocks.
  // They are partitioned: with much data on the disk, a cold read must not load megabytes of filter for one
  // key.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 8 << 10;
  table.pin_top_level_index_and_filter = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.optimize_filters_for_memory = true;
  // Deadlines and meta are read in ranges or in a few known keys; a filter would serve nobody. Ribbon filters
  // take 30 % less memory and four times the CPU to build, so only the last level has them, where most keys
  // are.
  const bool looked_up = family == Family::kRecords || family == Family::kElements;
  if (looked_up) table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(kFilterBitsPerKey, kLevels - 1));
  return table;
}

rocksdb::ColumnFamilyOptions family_options(const RocksOptions& options, Family family,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions result;
  result.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(family, cache)));
  result.num_levels = kLevels;
  // Upper levels are rewritten often: the cheap compression. The last one holds nearly everything.
  result.compression = supported(rocksdb::kLZ4Compression);
  result.bottommost_compression = supported(rocksdb::kZSTD);
  result.bottommost_compression_opts.level = 1;
  result.bottommost_compression_opts.enabled = true;
  // Keeps nine tenths of the data in the last level, so that overwritten data takes a tenth of the space at
  // most.
  result.level_compaction_dynamic_level_bytes = true;
  result.level0_file_num_compaction_trigger = 4;
  // About as large as the runs in level 0, so that merging them into level 1 copies each byte about once.
  result.max_bytes_for_level_base = 512ull << 20;
  result.target_file_size_base = 64ull << 20;
  // Only range deletions ever enter a memtable, and they must not wait for compactions: apply() does.
  result.write_buffer_size = 4 << 20;
  result.level0_slowdown_writes_trigger = INT_MAX;
  result.level0_stop_writes_trigger = INT_MAX;
  result.soft_pending_compaction_bytes_limit = 0;
  result.hard_pending_compaction_bytes_limit = 0;
  if (family == Family::kRecords || family == Family::kElements) {
    result.enable_blob_files = true;
    result.min_blob_size = options.blob_bytes_min;
    result.blob_file_size = 256ull << 20;
    result.blob_compression_type = supported(rocksdb::kLZ4Compression);
    result.blob_cache = cache;
    // The older half of the blob files is rewritten when compactions come by, the oldest when a third of it is
    // dead, though none does. With a quarter and half, nothing was as long as there were only three files.
    result.enable_blob_garbage_collection = true;
    result.blob_garbage_collection_age_cutoff = 0.5;
    result.blob_garbage_collection_force_threshold = 0.33;
  }
  return result;
}

rocksdb::DBOptions database_options(const RocksOptions& options) {
  rocksdb::DBOptions result;
  result.create_if_missing = true;
  result.create_missing_column_families = true;
  // Without a write-ahead log this is what keeps the families consistent with one another.
  result.atomic_flush = true;
  result.max_background_jobs = options.background_jobs;
  result.max_open_files = options.open_files_max;
  // Dirty pages go to the disk bit by bit; all at once they would hold up the commit log's next sync.
  result.bytes_per_sync = kSyncStepBytes;
  result.writable_file_max_buffer_size = kFileBufferBytes;
  result.rate_limiter.reset(
      rocksdb::NewGenericRateLimiter(static_cast<int64_t>(options.compaction_bytes_per_second)));
  // File deletions leave the threads that read.
  result.avoid_unnecessary_blocking_io = true;
  result.skip_stats_update_on_db_open = true;
  result.info_log_level = rocksdb::WARN_LEVEL;
  result.max_log_file_size = 4 << 20;
  result.keep_log_file_num = 2;
  result.stats_dump_period_sec = 0;
  result.stats_persist_period_sec = 0;
  result.statistics = rocksdb::CreateDBStatistics();
  result.statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
  return result;
}

}  // namespace

RocksSetup make_rocks_setup(const RocksOptions& options) {
  RocksSetup setup;
  rocksdb::LRUCacheOptions cache;
  cache.capacity = options.block_cache_bytes;
  cache.high_pri_pool_ratio = 0.5;
  setup.cache = rocksdb::NewLRUCache(cache);
  setup.database = database_options(options);
  for (int family = 0; family < kFamilyCount; ++family)
    setup.families[static_cast<size_t>(family)] =
        family_options(options, static_cast<Family>(family), setup.cache);
  return setup;
}

rocksdb::Options run_file_options(const RocksSetup& setup, Family family) {
  rocksdb::Options result(setup.database, setup.families[static_cast<size_t>(family)]);
  // A file written outside a database takes the last level's settings unless they are absent.
  result.bottommost_compression = rocksdb::kDisableCompressionOption;
  result.rate_limiter = nullptr;
  auto table = table_options(family, setup.cache);
  if (table.filter_policy != nullptr)
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
  result.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return result;
}

Status from_rocks(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return {};
  const std::string message = what + ": " + status.ToString();
  if (status.IsNoSpace()) return Status(StatusCode::kNoSpace, message);
  if (status.IsCorruption()) return Status(StatusCode::kCorrupt, message);
  if (status.IsNotSupported()) return Status(StatusCode::kNewerFormat, message);
  if (status.IsInvalidArgument()) return Status(StatusCode::kInvalid, message);
  return Status(StatusCode::kIoError, message);
}

}  // namespace starling::engine
