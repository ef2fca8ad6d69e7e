// The files of the commit log: one directory, flat. A seam, so that tests can fail a write or an fsync at
// will.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"

namespace starling::engine {

// Any thread; the owner orders calls that must not overlap.
class LogFile {
 public:
  virtual ~LogFile() = default;
  // Writes all of `bytes` at `offset`; on failure *written says how much of it went through.
  virtual Status write_at(uint64_t offset, std::string_view bytes, uint64_t* written) = 0;
  // Data, and of the metadata what is needed to find it again (fdatasync).
  virtual Status sync() = 0;
  virtual Status truncate(uint64_t bytes) = 0;
  // Up to `limit` bytes from `offset`; fewer only at the file's end.
  virtual Status read_at(uint64_t offset, uint64_t limit, std::string* bytes) = 0;
  // Makes the next read come from the disk. After an fsync that failed the kernel may hold pages as clean
  // that never arrived there; a recovery must not believe them.
  virtual void forget_cached() = 0;
};

class LogDirectory {
 public:
  virtual ~LogDirectory() = default;
  virtual Status list(std::vector<std::string>* names) = 0;
  virtual Status open(const std::string& name, std::unique_ptr<LogFile>* file) = 0;
  // A new file with `bytes` reserved where the file system can do that; kNoSpace leaves no file behind.
  virtual Status create(const std::string& name, uint64_t bytes, std::unique_ptr<LogFile>* file) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& name) = 0;
  // Makes what the calls above did to names durable.
  virtual Status sync() = 0;
};

// Creates the directory when it is missing (its parent must exist).
Status open_log_directory(const std::string& path, std::unique_ptr<LogDirectory>* directory);

}  // namespace starling::engine
