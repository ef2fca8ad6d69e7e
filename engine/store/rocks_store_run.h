// A sorted run as table files outside the database, ready to be ingested.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/store/rocks_store_options.h"
#include "engine/store/store.h"

namespace starling::engine {

// RocksDB's view of bytes.
inline rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

using RunFiles = std::array<std::vector<std::string>, kFamilyCount>;

class RocksRun final : public SortedRun {
 public:
  struct Context {
    const RocksSetup& setup;
    const std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount>& handles;
    uint64_t run_file_bytes;
    std::string path_prefix;  // Of the files; no other run has it.
    // Takes the finished, durable files into the database.
    std::function<Status(const RunFiles& files)> ingest;
  };

  explicit RocksRun(Context context) : context_(std::move(context)) {}
  ~RocksRun() override;

  Status put(Family family, std::string_view key, std::string_view value) override;
  Status erase(Family family, std::string_view key) override;
  Status erase_range(Family family, std::string_view lower, std::string_view upper) override;
  Status apply() override;
  uint64_t bytes() const override;

 private:
  struct Part {
    std::unique_ptr<rocksdb::SstFileWriter> writer;  // Null between files.
    std::string last_key;
    bool last_is_range = false;
    bool any = false;
    bool lone = false;      // The current file is for one large value.
    std::string range_end;  // The greatest upper bound of the current file's range deletions.
    uint64_t finished_bytes = 0;
  };

  // Checks the order and leaves the part with an open file that may take `key`.
  Status prepare(Family family, std::string_view key, bool range, bool lone = false);
  Status open_file(Family family, bool lone);
  Status finish_file(Family family);
  // Of the files, those that were not moved into the database.
  void remove_files();
  Status result(const rocksdb::Status& status) const {
    return from_rocks(status, "cannot write " + context_.path_prefix);
  }

  Context context_;
  std::array<Part, kFamilyCount> parts_;
  RunFiles files_;
  bool spent_ = false;
};

}  // namespace starling::engine
