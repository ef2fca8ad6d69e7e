#include "server/cluster/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

Status io_error(const std::string& what, const std::string& path) {
  return {errno == ENOSPC ? StatusCode::kNoSpace : StatusCode::kIoError,
          what + " " + path + ": " + std::strerror(errno)};
}

Status write_durably(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return io_error("cannot create", path);
  Status status;
  while (!bytes.empty() && status.ok()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) status = io_error("cannot write", path);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (status.ok() && ::fsync(fd) != 0) status = io_error("cannot sync", path);
  ::close(fd);
  return status;
}

Status sync_directory(const std::string& path) {
  const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return io_error("cannot open", path);
  const int synced = ::fsync(directory);
  const Status status = synced == 0 ? Status() : io_error("cannot sync", path);
  ::close(directory);
  return status;
}

}  // namespace

Status replace_file(const std::string& directory, const std::string& name, std::string_view bytes) {
  const std::string path = directory + "/" + name;
  const std::string fresh = path + ".new";
  if (Status status = write_durably(fresh, bytes); !status.ok()) return status;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error("cannot rename", fresh);
  return sync_directory(directory);
}

Status remove_file(const std::string& directory, const std::string& name) {
  const std::string path = directory + "/" + name;
  if (::unlink(path.c_str()) != 0) return errno == ENOENT ? Status() : io_error("cannot remove", path);
  return sync_directory(directory);
}

}  // namespace starling::server
