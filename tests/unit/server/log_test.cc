#include "server/process/log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "server/config.h"
#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

// A log that writes to a file of the test's own, and to standard output again afterwards.
struct LogToFile {
  TemporaryDirectory directory;
  Config config;

  LogToFile() {
    const std::string arguments[] = {"--logfile", directory.path() + "/s.log"};
    REQUIRE(config.load(arguments).ok());
    REQUIRE(start_log(config).ok());
  }
  ~LogToFile() {
    static Config standard_output;
    static_cast<void>(start_log(standard_output));
  }
  std::vector<std::string> lines() const {
    std::istringstream text(directory.read("s.log"));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }
  void set_level(std::string_view level) {
    const std::pair<std::string_view, std::string_view> pair[] = {{"loglevel", level}};
    REQUIRE(config.set(pair).ok());
  }
};

TEST_CASE("lines have Redis's form") {
  LogToFile log;
  log.set_level("debug");
  log_line(LogLevel::kDebug, "one %d", 1);
  log_line(LogLevel::kVerbose, "two");
  log_line(LogLevel::kNotice, "three {} %%");
  log_line(LogLevel::kWarning, "four");
  auto lines = log.lines();
  REQUIRE(lines.size() == 4);
  const std::string messages[] = {". one 1", "- two", "* three {} %", "# four"};
  const std::string prefix = std::to_string(::getpid()) + ":M ";
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(lines[i]);
    REQUIRE(lines[i].starts_with(prefix));
    REQUIRE(lines[i].ends_with(" " + messages[i]));
    std::string time = lines[i].substr(prefix.size(), lines[i].size() - prefix.size() - messages[i].size());
    for (char& c : time) c = c >= '0' && c <= '9' ? '9' : (c >= 'a' && c <= 'z' ? 'a' : c);
    for (char& c : time) c = c >= 'A' && c <= 'Z' ? 'A' : c;
    CHECK(time == "99 Aaa 9999 99:99:99.999 ");
  }
}

TEST_CASE("loglevel is followed at once") {
  LogToFile log;
  log_line(LogLevel::kVerbose, "hidden");
  log.set_level("verbose");
  CHECK(log_enabled(LogLevel::kVerbose));
  CHECK_FALSE(log_enabled(LogLevel::kDebug));
  log_line(LogLevel::kVerbose, "shown");
  log.set_level("warning");
  log_line(LogLevel::kNotice, "hidden");
  auto lines = log.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].ends_with("- shown"));
}

TEST_CASE("what clients send cannot forge lines or grow them without bound") {
  LogToFile log;
  log_text(LogLevel::kNotice, "name=a\r\n1:M forged\x1b[0m");
  log_text(LogLevel::kNotice, std::string(10 * kMaxLogLineBytes, 'x'));
  log_line(LogLevel::kNotice, "%s", std::string(10 * kMaxLogLineBytes, 'y').c_str());
  auto lines = log.lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].ends_with("* name=a??1:M forged?[0m"));
  CHECK(lines[1].size() < kMaxLogLineBytes + 100);
  CHECK(lines[2].size() < kMaxLogLineBytes + 100);
}

TEST_CASE("a flood is cut, and the cut is told") {
  LogToFile log;
  // However the clock's seconds fall, two bursts that each exceed a second's share lose lines.
  size_t written = 0;
  while (log.lines().empty() || log.lines().back().find("lines dropped: more than") == std::string::npos) {
    for (int i = 0; i < 10 * kMaxLogLinesPerSecond; ++i) log_text(LogLevel::kNotice, "flood");
    written += 10 * kMaxLogLinesPerSecond;
    // Until the next second lets a line through, nothing more appears.
    size_t before = log.lines().size();
    while (log.lines().size() == before) {
      ::usleep(20'000);
      log_text(LogLevel::kNotice, "flood");
      ++written;
    }
    auto lines = log.lines();
    if (lines.size() >= 2 && lines[lines.size() - 2].find("lines dropped") != std::string::npos) break;
  }
  CHECK(log.lines().size() < written);
}

TEST_CASE("rotation by renaming: a new file takes over") {
  LogToFile log;
  log_text(LogLevel::kNotice, "before");
  std::filesystem::rename(log.directory.path() + "/s.log", log.directory.path() + "/s.log.1");
  while (!std::filesystem::exists(log.directory.path() + "/s.log")) {
    log_text(LogLevel::kNotice, "after");
    ::usleep(20'000);
  }
  log_text(LogLevel::kNotice, "last");
  CHECK(log.lines().back().ends_with("* last"));
  CHECK(log.directory.read("s.log.1").find("before") != std::string::npos);
}

TEST_CASE("a log file that cannot be opened is reported") {
  Config config;
  const std::string arguments[] = {"--logfile", "/nonexistent/s.log"};
  REQUIRE(config.load(arguments).ok());
  engine::Status status = start_log(config);
  REQUIRE_FALSE(status.ok());
  CHECK(status.message() == "/nonexistent/s.log: cannot open the log file: No such file or directory");
}

}  // namespace
}  // namespace starling::server
