#include "engine/node/actor_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace starling::engine {
namespace {

constexpr size_t kMaxFileBytes = 4096;
constexpr int kFormat = 1;

Status failure(const char* what, const std::string& path) {
  const int error = errno;
  const StatusCode code = error == ENOSPC || error == EDQUOT ? StatusCode::kNoSpace : StatusCode::kIoError;
  return Status(code, std::string(what) + " " + path + ": " + std::strerror(error));
}

// What a copy does not share with its original.
struct Identity {
  uint64_t inode = 0;
  int64_t birth_seconds = 0;
  uint32_t birth_nanoseconds = 0;

  bool operator==(const Identity&) const = default;
};

Status identify(int fd, const std::string& path, Identity* identity) {
  struct statx attributes = {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &attributes) != 0) {
    return failure("cannot stat", path);
  }
  *identity = {attributes.stx_ino, 0, 0};
  if (attributes.stx_mask & STATX_BTIME) {
    identity->birth_seconds = attributes.stx_btime.tv_sec;
    identity->birth_nanoseconds = attributes.stx_btime.tv_nsec;
  }
  return Status();
}

struct Contents {
  ActorId actor = 0;
  Stamp last_stamp = 0;
  bool clean = false;
  Identity file;
  Identity directory;
};

std::string identity_text(const Identity& identity) {
  char text[96];
  std::snprintf(text, sizeof text, "%" PRIu64 " %" PRId64 ".%09" PRIu32, identity.inode,
                identity.birth_seconds, identity.birth_nanoseconds);
  return text;
}

std::string hex(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, number);
  return text;
}

std::string format(const Contents& contents) {
  std::string text = "starling-actor " + std::to_string(kFormat) + "\nactor " + hex(contents.actor) +
                     "\nlast-stamp " + hex(contents.last_stamp) + "\nstopped " +
                     (contents.clean ? "clean" : "running") + "\nfile " + identity_text(contents.file) +
                     "\ndirectory " + identity_text(contents.directory) + "\n";
  text += "checksum " + hex(XXH3_64bits(text.data(), text.size())) + "\n";
  return text;
}

bool parse_identity(const char* text, Identity* identity) {
  return std::sscanf(text, "%" SCNu64 " %" SCNd64 ".%" SCNu32, &identity->inode, &identity->birth_seconds,
                     &identity->birth_nanoseconds) == 3;
}

// False for anything that format() would not have written.
bool parse(const std::string& text, Contents* contents) {
  char mark[16];
  char file[96];
  char directory[96];
  if (std::sscanf(text.c_str(),
                  "starling-actor 1\nactor %16" SCNx64 "\nlast-stamp %16" SCNx64
                  "\nstopped %15s\nfile %95[^\n]\ndirectory %95[^\n]",
                  &contents->actor, &contents->last_stamp, mark, file, directory) != 5) {
    return false;
  }
  contents->clean = std::string_view(mark) == "clean";
  return parse_identity(file, &contents->file) && parse_identity(directory, &contents->directory) &&
         contents->actor != 0 && format(*contents) == text;
}

bool newer_format(const std::string& text) {
  int number = 0;
  return std::sscanf(text.c_str(), "starling-actor %d", &number) == 1 && number > kFormat;
}

Status read_file(int fd, const std::string& path, std::string* text) {
  text->resize(kMaxFileBytes);
  size_t size = 0;
  while (size < kMaxFileBytes) {
    const ssize_t count = ::read(fd, text->data() + size, kMaxFileBytes - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("cannot read", path);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  text->resize(size);
  return Status();
}

Status write_file(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("cannot write", path);
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (::fsync(fd) != 0) return failure("cannot sync", path);
  return Status();
}

// Why the actor that the file names may not go on; empty when it may.
std::string objection(const Contents& contents, const Identity& file, const Identity& directory) {
  if (!contents.clean) return "Recovering: the last stop was not clean";
  if (!(contents.file == file)) return "Recovering: the file 'actor' was copied or restored";
  if (!(contents.directory == directory)) return "Recovering: the directory was copied or restored";
  return "";
}

}  // namespace

class ActorFile::Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

ActorFile::ActorFile(std::string directory) : directory_(std::move(directory)) {}
ActorFile::~ActorFile() = default;

// Reads the file, if there is one. *actor is the one it names, 0 if none; reason_ is not empty when that may
// not go on.
Status ActorFile::inspect(ActorId* actor) {
  *actor = 0;
  const std::string path = directory_ + "/actor";
  found_ = std::make_unique<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (found_->get() < 0) {
    if (errno != ENOENT) return failure("cannot open", path);
    reason_ = "The data directory is new";
    return Status();
  }
  const Descriptor parent(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0) return failure("cannot open", directory_);
  Identity file_identity, directory_identity;
  std::string text;
  if (Status status = identify(found_->get(), path, &file_identity); !status.ok()) return status;
  if (Status status = identify(parent.get(), directory_, &directory_identity); !status.ok()) return status;
  if (Status status = read_file(found_->get(), path, &text); !status.ok()) return status;
  if (newer_format(text)) {
    return Status(StatusCode::kNewerFormat, path + " was written by a later release; start that release");
  }
  Contents contents;
  if (!parse(text, &contents)) {
    reason_ = "Recovering: the file 'actor' is damaged";
    return Status();
  }
  *actor = contents.actor;
  last_stamp_ = contents.last_stamp;
  reason_ = objection(contents, file_identity, directory_identity);
  return Status();
}

Status ActorFile::open(const std::string& directory, Random& random, Stamp latest,
                       std::unique_ptr<ActorFile>* file) {
  std::unique_ptr<ActorFile> opened(new ActorFile(directory));
  ActorId previous;
  if (Status status = opened->inspect(&previous); !status.ok()) return status;
  if (opened->reason_.empty() && opened->last_stamp_ > latest)
    opened->reason_ = "Recovering: the clock is far behind what this directory has seen";
  opened->resumed_ = opened->reason_.empty();
  opened->actor_ = previous;
  while (!opened->resumed_ && (opened->actor_ == 0 || opened->actor_ == previous))
    opened->actor_ = random.next();
  if (Status status = opened->write(false); !status.ok()) return status;
  *file = std::move(opened);
  return Status();
}

Status ActorFile::mark_clean(Stamp last_stamp) {
  last_stamp_ = last_stamp;
  return write(true);
}

// Under another name first: the file under its own name is always whole.
Status ActorFile::write(bool clean) {
  const std::string path = directory_ + "/actor";
  const std::string new_path = path + ".new";
  const Descriptor parent(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0) return failure("cannot open", directory_);
  // An earlier attempt's leavings would lend this file their time of birth.
  if (::unlink(new_path.c_str()) != 0 && errno != ENOENT) return failure("cannot remove", new_path);
  const Descriptor file(::open(new_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return failure("cannot create", new_path);
  Contents contents{actor_, last_stamp_, clean, {}, {}};
  if (Status status = identify(file.get(), new_path, &contents.file); !status.ok()) return status;
  if (Status status = identify(parent.get(), directory_, &contents.directory); !status.ok()) return status;
  if (Status status = write_file(file.get(), new_path, format(contents)); !status.ok()) return status;
  if (::rename(new_path.c_str(), path.c_str()) != 0) return failure("cannot rename", new_path);
  if (::fsync(parent.get()) != 0) return failure("cannot sync", directory_);
  return Status();
}

}  // namespace starling::engine
