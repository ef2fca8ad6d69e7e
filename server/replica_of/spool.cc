#include "server/replica_of/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

namespace starling::server {
namespace {

std::string failure_text(const char* what) {
  return std::string(what) + ": " + ::strerror(errno);
}

}  // namespace

Spool::~Spool() {
  clear();
}

void Spool::clear() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  written_ = read_ = 0;
}

std::string Spool::put(std::string_view bytes) {
  if (fd_ < 0) {
    std::string path = directory_ + "/replica-of-XXXXXX";
    fd_ = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd_ >= 0) ::unlink(path.c_str());
    if (fd_ < 0) return failure_text(("cannot make a file in " + directory_).c_str());
  }
  int64_t at = written_;
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(fd_, bytes.data(), bytes.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return failure_text("cannot keep what it sent");
    at += size;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  written_ = at;
  return {};
}

std::string Spool::take(size_t size, std::string* failure) {
  std::string bytes(static_cast<size_t>(std::min<uint64_t>(size, left())), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::pread(fd_, bytes.data() + filled, bytes.size() - filled, read_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      *failure = failure_text("cannot read what it sent");
      return {};
    }
    filled += static_cast<size_t>(count);
    read_ += count;
  }
  return bytes;
}

}  // namespace starling::server
