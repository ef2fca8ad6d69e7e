#include "server/process/log.h"

#include <fcntl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

#include "engine/base/assert.h"
#include "server/config.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;
using std::chrono::system_clock;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::trace;
    case LogLevel::kVerbose:
      return spdlog::level::debug;
    case LogLevel::kNotice:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
  }
  return spdlog::level::info;
}

class Mark : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    out.push_back(".-*##"[std::min<int>(message.level, 4)]);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Mark>(); }
};

// Appends to a file or to standard output, line by line, so that a line written is a line kept when the
// process dies. What cannot be written is lost: a log on a full disk must not stop the server.
class Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  Sink(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<Mark>('*').set_pattern("%P:M %d %b %Y %H:%M:%S.%e %* %v");
    set_formatter_(std::move(formatter));
  }
  ~Sink() override {
    if (!path_.empty()) ::close(fd_);
  }

  static Status open(const std::string& path, std::shared_ptr<Sink>* sink) {
    int fd = path.empty() ? STDOUT_FILENO : open_file(path);
    if (fd < 0) {
      return Status(StatusCode::kIoError, path + ": cannot open the log file: " + std::strerror(errno));
    }
    *sink = std::make_shared<Sink>(path, fd);
    return {};
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!within_rate(message)) return;
    write_message(message);
  }
  void flush_() override {}

 private:
  static int open_file(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  }

  bool within_rate(const spdlog::details::log_msg& message) {
    auto second = std::chrono::time_point_cast<std::chrono::seconds>(message.time);
    if (second != second_) {
      second_ = second;
      lines_ = 0;
      reopen_if_renamed();
      if (dropped_ > 0) {
        std::string text = std::to_string(dropped_) + " lines dropped: more than " +
                           std::to_string(kMaxLogLinesPerSecond) + " in a second";
        dropped_ = 0;
        write_message({message.time, {}, message.logger_name, spdlog::level::warn, text});
      }
    }
    if (++lines_ <= kMaxLogLinesPerSecond) return true;
    ++dropped_;
    return false;
  }

  void write_message(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const char* data = line.data();
    size_t size = line.size();
    while (size > 0) {
      ssize_t written = ::write(fd_, data, size);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;
      data += written;
      size -= static_cast<size_t>(written);
    }
  }

  // Rotation by renaming: when the path is no longer the open file, starts a new one.
  void reopen_if_renamed() {
    struct stat open_file_info {};
    struct stat path_info {};
    if (path_.empty() || ::fstat(fd_, &open_file_info) != 0) return;
    if (::stat(path_.c_str(), &path_info) == 0 && path_info.st_ino == open_file_info.st_ino &&
        path_info.st_dev == open_file_info.st_dev) {
      return;
    }
    int fd = open_file(path_);
    if (fd < 0) return;
    ::close(fd_);
    fd_ = fd;
  }

  std::string path_;
  int fd_;
  std::chrono::time_point<system_clock, std::chrono::seconds> second_;
  int lines_ = 0;
  int64_t dropped_ = 0;
};

std::shared_ptr<spdlog::logger> make_logger(std::shared_ptr<Sink> sink, LogLevel level) {
  auto made = std::make_shared<spdlog::logger>("starling", std::move(sink));
  made->set_level(to_spdlog(level));
  return made;
}

// Never destroyed: threads may log until the process is gone.
std::shared_ptr<spdlog::logger>& logger() {
  static auto* instance = new std::shared_ptr<spdlog::logger>(
      make_logger(std::make_shared<Sink>(std::string(), STDOUT_FILENO), LogLevel::kNotice));
  return *instance;
}

}  // namespace

Status start_log(Config& config) {
  std::shared_ptr<Sink> sink;
  Status status = Sink::open(config.settings().log_file, &sink);
  if (!status.ok()) return status;
  logger() = make_logger(std::move(sink), config.settings().log_level);
  config.on_change("loglevel", [&config] {
    set_log_level(config.settings().log_level);
    return Status();
  });
  return {};
}

void set_log_level(LogLevel level) {
  logger()->set_level(to_spdlog(level));
}

bool log_enabled(LogLevel level) {
  return logger()->should_log(to_spdlog(level));
}

void log_line(LogLevel level, const char* format, ...) {
  if (!log_enabled(level)) return;
  char text[kMaxLogLineBytes + 1];
  va_list arguments;
  va_start(arguments, format);
  int length = std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length > 0) log_text(level, std::string_view(text, std::min<size_t>(length, kMaxLogLineBytes)));
}

void log_text(LogLevel level, std::string_view message) {
  if (!log_enabled(level)) return;
  std::string clean(message.substr(0, kMaxLogLineBytes));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  logger()->log(to_spdlog(level), spdlog::string_view_t(clean.data(), clean.size()));
}

}  // namespace starling::server
