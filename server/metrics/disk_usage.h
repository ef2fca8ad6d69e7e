// What the commit log and the ballast take on the disk, as INFO tells. There may be hundreds of files, so nobody who
// serves clients looks at them: a disk thread does, every few seconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace starling::server {

class DiskUsage {
 public:
  // Looks at the files below the data directory. Waits for the disk; one thread at a time.
  void look(const std::string& directory);

  // As they were at the last look. Any thread. Of segments, with what is reserved ahead; and of those that are kept to
  // be used again.
  uint64_t log_bytes() const { return log_bytes_.load(std::memory_order_relaxed); }
  uint64_t spare_log_bytes() const { return spare_log_bytes_.load(std::memory_order_relaxed); }
  uint64_t ballast_bytes() const { return ballast_bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> log_bytes_{0}, spare_log_bytes_{0}, ballast_bytes_{0};
};

}  // namespace starling::server
