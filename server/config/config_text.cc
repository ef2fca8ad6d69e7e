#include "server/config/config_text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "resp/argument_arena.h"
#include "resp/inline_request.h"
#include "server/config/setting_spec.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr int kMaxIncludeDepth = 16;
constexpr size_t kMaxFileBytes = 16u << 20;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

Status failure(const std::string& path, const char* what) {
  return Status(StatusCode::kIoError, path + ": " + what + ": " + std::strerror(errno));
}

Status read_text(std::string_view name, std::string_view text, int depth,
                 const std::function<Status(const ConfigLine&)>& visit);

Status read_nested(const std::string& path, int depth,
                   const std::function<Status(const ConfigLine&)>& visit) {
  std::string text;
  if (Status status = read_file(path, &text); !status.ok()) return status;
  return read_text(path, text, depth, visit);
}

Status read_text(std::string_view name, std::string_view text, int depth,
                 const std::function<Status(const ConfigLine&)>& visit) {
  size_t number = 0;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;

    ConfigLine parsed{std::string(name) + ":" + std::to_string(number), std::string(line), {}};
    auto words = split_words(line);
    if (!words) {
      const std::string shown =
          is_secret_setting(line) ? std::string(leading_name(line)) + " (redacted)" : parsed.text;
      return Status(StatusCode::kInvalid, parsed.where + ": '" + shown + "'\n  unbalanced quotes");
    }
    if (words->empty()) continue;
    parsed.words = std::move(*words);
    if (parsed.words.size() == 2 && ::strcasecmp(parsed.words[0].c_str(), "include") == 0) {
      if (depth == kMaxIncludeDepth) {
        return Status(StatusCode::kInvalid, parsed.where + ": '" + parsed.text +
                                                "'\n  files include each other more than " +
                                                std::to_string(kMaxIncludeDepth) + " deep");
      }
      if (Status status = read_nested(parsed.words[1], depth + 1, visit); !status.ok()) return status;
      continue;
    }
    parsed.included = depth > 0;
    if (Status status = visit(parsed); !status.ok()) return status;
  }
  return {};
}

Status write_and_sync(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure(path, "cannot write");
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd) != 0) return failure(path, "cannot sync");
  return {};
}

}  // namespace

std::optional<std::vector<std::string>> split_words(std::string_view line) {
  std::string scratch(line);
  resp::ArgumentArena arguments;
  if (!resp::split_inline(scratch, &arguments)) return std::nullopt;
  auto words = arguments.finish();
  return std::vector<std::string>(words.begin(), words.end());
}

std::string quote_word(std::string_view word) {
  bool bare = !word.empty() && word.front() != '#';
  for (char c : word) bare = bare && c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '\\';
  if (bare) return std::string(word);

  std::string quoted = "\"";
  for (char c : word) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c >= ' ' && c < 0x7f) {
      quoted += c;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof(escape), "\\x%02x", static_cast<unsigned char>(c));
      quoted += escape;
    }
  }
  return quoted + "\"";
}

Status read_config_file(const std::string& path, const std::function<Status(const ConfigLine&)>& visit) {
  return read_nested(path, 0, visit);
}

Status read_config_text(std::string_view name, std::string_view text,
                        const std::function<Status(const ConfigLine&)>& visit) {
  return read_text(name, text, 0, visit);
}

Status read_file(const std::string& path, std::string* text) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure(path, "cannot open the configuration file");
  Status status;
  char buffer[16384];
  text->clear();
  while (true) {
    ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) status = failure(path, "cannot read");
    if (count <= 0) break;
    text->append(buffer, static_cast<size_t>(count));
    if (text->size() > kMaxFileBytes) {
      status = Status(StatusCode::kInvalid, path + ": too long for a configuration file");
      break;
    }
  }
  ::close(fd);
  return status;
}

Status replace_file(const std::string& path, std::string_view text) {
  struct stat old {};
  mode_t mode = ::stat(path.c_str(), &old) == 0 ? old.st_mode & 07777 : 0644;
  std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return failure(temporary, "cannot create");
  Status status = write_and_sync(fd, temporary, text);
  if (status.ok() && ::fchmod(fd, mode) != 0) status = failure(temporary, "cannot set the mode");
  if (::close(fd) != 0 && status.ok()) status = failure(temporary, "cannot close");
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) status = failure(path, "cannot replace");
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); directory_fd >= 0) {
    ::fsync(directory_fd);
    ::close(directory_fd);
  }
  return {};
}

}  // namespace starling::server
