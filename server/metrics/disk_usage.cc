#include "server/metrics/disk_usage.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

namespace starling::server {
namespace {

uint64_t bytes_of_files(const std::string& directory) {
  std::error_code error;
  uint64_t bytes = 0;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    struct stat info;
    if (::stat(at->path().c_str(), &info) == 0) bytes += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace

void DiskUsage::look(const std::string& directory) {
  log_bytes_.store(bytes_of_files(directory + "/log"), std::memory_order_relaxed);
  std::error_code error;
  const uintmax_t ballast = std::filesystem::file_size(directory + "/ballast", error);
  ballast_bytes_.store(error ? 0 : ballast, std::memory_order_relaxed);
}

}  // namespace starling::server
