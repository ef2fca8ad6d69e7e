// The file that tells scripts the server's process id (pidfile).
#pragma once

#include <string>

#include "engine/base/status.h"

namespace starling::server {

// Writes the file when made, removes it when destroyed. One for the process, owned by main().
class PidFile {
 public:
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Does nothing for an empty path. kIoError: which file and why; the server can run without it.
  engine::Status write(const std::string& path);

 private:
  std::string path_;
};

}  // namespace starling::server
