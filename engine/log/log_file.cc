#include "engine/log/log_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace starling::engine {
namespace {

Status system_error(int error, const std::string& what, const std::string& path) {
  const bool no_space = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Status(no_space ? StatusCode::kNoSpace : StatusCode::kIoError,
                what + " " + path + ": " + std::strerror(error));
}

class PosixLogFile final : public LogFile {
 public:
  PosixLogFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixLogFile() override { ::close(descriptor_); }
  PosixLogFile(const PosixLogFile&) = delete;
  PosixLogFile& operator=(const PosixLogFile&) = delete;

  Status write_at(uint64_t offset, std::string_view bytes, uint64_t* written) override {
    *written = 0;
    while (*written < bytes.size()) {
      const ssize_t count = ::pwrite(descriptor_, bytes.data() + *written, bytes.size() - *written,
                                     static_cast<off_t>(offset + *written));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_error(errno, "cannot write", path_);
      if (count == 0) return system_error(ENOSPC, "cannot write", path_);
      *written += static_cast<uint64_t>(count);
    }
    return {};
  }

  Status sync() override {
    if (::fdatasync(descriptor_) != 0) return system_error(errno, "cannot sync", path_);
    return {};
  }

  Status truncate(uint64_t bytes) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
      return system_error(errno, "cannot truncate", path_);
    return {};
  }

  Status read_at(uint64_t offset, uint64_t limit, std::string* bytes) override {
    struct stat information;
    if (::fstat(descriptor_, &information) != 0) return system_error(errno, "cannot stat", path_);
    const auto size = static_cast<uint64_t>(information.st_size);
    bytes->resize(offset >= size ? 0 : std::min(limit, size - offset));
    size_t done = 0;
    while (done < bytes->size()) {
      const ssize_t count =
          ::pread(descriptor_, bytes->data() + done, bytes->size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_error(errno, "cannot read", path_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    bytes->resize(done);
    return {};
  }

  void forget_cached() override { ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED); }

 private:
  const int descriptor_;
  const std::string path_;
};

// Reserves the blocks, so that a full disk shows when a segment begins and not in the middle of one.
Status reserve(int descriptor, uint64_t bytes, const std::string& path) {
  int error;
  do {
    error = ::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  } while (error == EINTR);
  const bool unsupported = error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
  if (error == 0 || unsupported) return {};
  return system_error(error, "cannot reserve " + std::to_string(bytes) + " bytes for", path);
}

class PosixLogDirectory final : public LogDirectory {
 public:
  PosixLogDirectory(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixLogDirectory() override { ::close(descriptor_); }
  PosixLogDirectory(const PosixLogDirectory&) = delete;
  PosixLogDirectory& operator=(const PosixLogDirectory&) = delete;

  Status list(std::vector<std::string>* names) override {
    names->clear();
    DIR* stream = ::opendir(path_.c_str());
    if (stream == nullptr) return system_error(errno, "cannot list", path_);
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) names->emplace_back(entry->d_name);
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return system_error(error, "cannot list", path_);
    std::sort(names->begin(), names->end());
    return {};
  }

  Status open(const std::string& name, std::unique_ptr<LogFile>* file) override {
    const int descriptor = ::open(path_of(name).c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return system_error(errno, "cannot open", path_of(name));
    *file = std::make_unique<PosixLogFile>(descriptor, path_of(name));
    return {};
  }

  Status create(const std::string& name, uint64_t bytes, std::unique_ptr<LogFile>* file) override {
    const std::string path = path_of(name);
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (descriptor < 0) return system_error(errno, "cannot create", path);
    auto created = std::make_unique<PosixLogFile>(descriptor, path);
    if (Status status = reserve(descriptor, bytes, path); !status.ok()) {
      ::unlink(path.c_str());
      return status;
    }
    *file = std::move(created);
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(path_of(from).c_str(), path_of(to).c_str()) != 0)
      return system_error(errno, "cannot rename", path_of(from));
    return {};
  }

  Status remove(const std::string& name) override {
    if (::unlink(path_of(name).c_str()) != 0) return system_error(errno, "cannot remove", path_of(name));
    return {};
  }

  Status sync() override {
    if (::fsync(descriptor_) != 0) return system_error(errno, "cannot sync", path_);
    return {};
  }

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  const int descriptor_;
  const std::string path_;
};

}  // namespace

Status open_log_directory(const std::string& path, std::unique_ptr<LogDirectory>* directory) {
  if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) return system_error(errno, "cannot create", path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return system_error(errno, "cannot open", path);
  *directory = std::make_unique<PosixLogDirectory>(descriptor, path);
  return {};
}

}  // namespace starling::engine
