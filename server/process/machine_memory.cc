#include "server/process/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace starling::server {
namespace {

constexpr int64_t kSharePercent = 60;

// The number that a file of the kernel's consists of; `otherwise` when there is none ("max").
int64_t read_number(const std::string& path, int64_t otherwise) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? number : otherwise;
}

// The least limit of the cgroup at `path` below `root` and of all that it lies in.
int64_t least_limit(const std::string& root, std::string path, const char* name, int64_t otherwise) {
  int64_t least = otherwise;
  for (;;) {
    least = std::min(least, read_number(root + path + "/" + name, otherwise));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

}  // namespace

int64_t memory_available() {
  int64_t least = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  // Lines are "number:controllers:path"; version 2 of cgroups has one, without controllers.
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      least = least_limit("/sys/fs/cgroup", path, "memory.max", least);
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = least_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", least);
    }
  }
  return least;
}

int64_t automatic_max_memory(Storage storage) {
  return storage == Storage::kMemory ? 0 : memory_available() / 100 * kSharePercent;
}

}  // namespace starling::server
