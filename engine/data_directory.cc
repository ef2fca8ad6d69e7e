#include "engine/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace starling::engine {

namespace {

constexpr char kFormat[] = "starling-data 1\n";
constexpr off_t kBallastBytes = 16 << 20;

Status failure(const std::string& what) {
  const int error = errno;
  const StatusCode code = error == ENOSPC || error == EDQUOT ? StatusCode::kNoSpace : StatusCode::kIoError;
  return {code, what + ": " + std::strerror(error)};
}

Status sync_directory(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failure("cannot open " + directory);
  const int result = ::fsync(descriptor);
  const Status status = result == 0 ? Status() : failure("cannot sync " + directory);
  ::close(descriptor);
  return status;
}

Status check_format(const std::string& directory) {
  const std::string path = directory + "/FORMAT";
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno == ENOENT ? write_format(directory) : failure("cannot open " + path);
  char found[64] = {};
  const ssize_t size = ::read(descriptor, found, sizeof(found) - 1);
  const Status read_status = size < 0 ? failure("cannot read " + path) : Status();
  ::close(descriptor);
  if (!read_status.ok()) return read_status;
  if (std::strcmp(found, kFormat) == 0) return {};
  // Torn by a crash of the very first start, before anything else was written.
  if (std::strncmp(found, kFormat, static_cast<size_t>(size)) == 0) return write_format(directory);
  if (std::strncmp(found, "starling-data ", 14) == 0) {
    return {StatusCode::kNewerFormat, path + ": this data directory was written by a newer release"};
  }
  return {StatusCode::kCorrupt, path + " is not a Starling data directory's format mark"};
}

}  // namespace

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return {};
  return failure("cannot create the directory " + path);
}

Status write_format(const std::string& directory) {
  const std::string path = directory + "/FORMAT";
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (descriptor < 0) return failure("cannot create " + path);
  const auto size = static_cast<ssize_t>(std::strlen(kFormat));
  const bool written =
      ::write(descriptor, kFormat, static_cast<size_t>(size)) == size && ::fsync(descriptor) == 0;
  const Status status = written ? Status() : failure("cannot write " + path);
  ::close(descriptor);
  return status.ok() ? sync_directory(directory) : status;
}

DirectoryLock::~DirectoryLock() {
  ::close(descriptor_);
}

Status DirectoryLock::acquire(const std::string& directory, std::unique_ptr<DirectoryLock>* lock) {
  Status status = make_directory(directory);
  if (!status.ok()) return status;
  const std::string path = directory + "/LOCK";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) return failure("cannot write to the data directory (" + path + ")");
  lock->reset(new DirectoryLock(descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    lock->reset();
    return {StatusCode::kLocked, "the data directory " + directory + " is in use by another process"};
  }
  return check_format(directory);
}

void place_ballast(const std::string& directory) {
  const std::string path = directory + "/ballast";
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) return;
  struct stat info;
  const bool full = ::fstat(descriptor, &info) == 0 && info.st_size >= kBallastBytes;
  if (!full && ::posix_fallocate(descriptor, 0, kBallastBytes) != 0) ::unlink(path.c_str());
  ::close(descriptor);
}

bool drop_ballast(const std::string& directory) {
  return ::unlink((directory + "/ballast").c_str()) == 0;
}

}  // namespace starling::engine
