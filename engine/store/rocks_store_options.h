// How RocksDB is set up for a Store that takes sorted runs only.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <memory>

#include "engine/store/rocks_store.h"

namespace starling::engine {

// Indexed by Family; they are on the disk, so never renamed.
inline constexpr std::array<const char*, kFamilyCount> kFamilyNames = {"records", "elements", "deadlines",
                                                                       "meta", "hints"};

struct RocksSetup {
  rocksdb::DBOptions database;
  std::array<rocksdb::ColumnFamilyOptions, kFamilyCount> families;
  std::shared_ptr<rocksdb::Cache> cache;
};

RocksSetup make_rocks_setup(const RocksOptions& options);

// For the files of a run, which are written while clients wait and rewritten soon: cheap filters and
// compression.
rocksdb::Options run_file_options(const RocksSetup& setup, Family family);

// `what` and the directory go before RocksDB's own words.
Status from_rocks(const rocksdb::Status& status, const std::string& what);

}  // namespace starling::engine
