#include "server/metrics/disk_usage.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

namespace starling::server {
namespace {

struct LogBytes {
  uint64_t used = 0, spare = 0;
};

LogBytes bytes_of_log(const std::string& directory) {
  std::error_code error;
  LogBytes bytes;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    struct stat info;
    if (::stat(at->path().c_str(), &info) != 0) continue;
    const bool spare = at->path().filename().string().starts_with("spare-");
    (spare ? bytes.spare : bytes.used) += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace

void DiskUsage::look(const std::string& directory) {
  const LogBytes log = bytes_of_log(directory + "/log");
  log_bytes_.store(log.used, std::memory_order_relaxed);
  spare_log_bytes_.store(log.spare, std::memory_order_relaxed);
  std::error_code error;
  const uintmax_t ballast = std::filesystem::file_size(directory + "/ballast", error);
  ballast_bytes_.store(error ? 0 : ballast, std::memory_order_relaxed);
}

}  // namespace starling::server
