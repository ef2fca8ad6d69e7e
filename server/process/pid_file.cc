#include "server/process/pid_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace starling::server {

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

engine::Status PidFile::write(const std::string& path) {
  if (path.empty()) return {};
  std::FILE* file = std::fopen(path.c_str(), "we");
  bool written = file != nullptr && std::fprintf(file, "%d\n", static_cast<int>(::getpid())) > 0;
  if (file != nullptr && std::fclose(file) != 0) written = false;
  if (!written) {
    return engine::Status(engine::StatusCode::kIoError,
                          path + ": cannot write the pidfile: " + std::strerror(errno));
  }
  path_ = path;
  return {};
}

}  // namespace starling::server
