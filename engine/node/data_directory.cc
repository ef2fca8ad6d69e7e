#include "engine/node/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace starling::engine {

namespace {

constexpr char kFirstFormat[] = "starling-data 1\n";
constexpr char kSecondFormat[] = "starling-data 2\nhash-seed ";
constexpr char kFormatText[] = "starling-data 3\nhash-seed ";
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

bool read_mark(const std::string& path, std::string* mark, Status* status) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno != ENOENT) *status = failure("cannot open " + path);
    return false;
  }
  char bytes[64];
  const ssize_t size = ::read(descriptor, bytes, sizeof(bytes));
  if (size < 0) *status = failure("cannot read " + path);
  ::close(descriptor);
  if (size < 0) return false;
  mark->assign(bytes, static_cast<size_t>(size));
  return true;
}

// Of a mark that begins like `format`, its seed.
bool read_seed(std::string_view mark, std::string_view format, uint64_t* seed) {
  if (!mark.starts_with(format) || !mark.ends_with('\n')) return false;
  const std::string_view digits = mark.substr(format.size(), mark.size() - format.size() - 1);
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), *seed, 16);
  return digits.size() == 16 && result.ec == std::errc() && result.ptr == digits.data() + digits.size();
}

// `*seed` is what a directory without a mark gets.
Status check_format(const std::string& directory, uint64_t* seed) {
  const std::string path = directory + "/FORMAT";
  std::string mark;
  Status status;
  const bool found = read_mark(path, &mark, &status);
  if (!status.ok()) return status;
  // Also: torn by a crash of the very first start of an earlier release, before anything else was written.
  if (!found || (mark != kFirstFormat && std::string_view(kFirstFormat).starts_with(mark))) {
    if (::access((directory + "/store").c_str(), F_OK) != 0) return write_format(directory, *seed);
    return {StatusCode::kCorrupt,
            path + " is missing or cut: without it the records beside it cannot be found"};
  }
  if (mark == kFirstFormat) *seed = 0;
  if (mark == kFirstFormat || read_seed(mark, kSecondFormat, seed)) {
    // What is there is read as ever; an earlier release is to refuse it from now on. On a full disk the old mark stays,
    // for the next start to replace.
    (void)write_format(directory, *seed);
    return {};
  }
  if (read_seed(mark, kFormatText, seed)) return {};
  if (mark.starts_with("starling-data ") && !mark.starts_with("starling-data 2\n") &&
      !mark.starts_with("starling-data 3\n")) {
    return {StatusCode::kNewerFormat, path + ": this data directory was written by a newer release"};
  }
  return {StatusCode::kCorrupt, path + " is not a Starling data directory's format mark"};
}

}  // namespace

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return {};
  return failure("cannot create the directory " + path);
}

Status write_format(const std::string& directory, uint64_t hash_seed) {
  const std::string path = directory + "/FORMAT";
  const std::string new_path = path + ".new";
  const int descriptor = ::open(new_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (descriptor < 0) return failure("cannot create " + new_path);
  char mark[64];
  const int size = std::snprintf(mark, sizeof(mark), "%s%016" PRIx64 "\n", kFormatText, hash_seed);
  const bool written =
      ::write(descriptor, mark, static_cast<size_t>(size)) == size && ::fsync(descriptor) == 0;
  const Status status = written ? Status() : failure("cannot write " + new_path);
  ::close(descriptor);
  if (!status.ok()) return status;
  if (::rename(new_path.c_str(), path.c_str()) != 0) return failure("cannot rename " + new_path);
  return sync_directory(directory);
}

DirectoryLock::~DirectoryLock() {
  ::close(descriptor_);
}

Status DirectoryLock::acquire(const std::string& directory, uint64_t new_hash_seed,
                              std::unique_ptr<DirectoryLock>* lock) {
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
  (*lock)->hash_seed_ = new_hash_seed;
  return check_format(directory, &(*lock)->hash_seed_);
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
