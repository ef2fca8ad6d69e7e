#include "server/process/banner.h"

#include <doctest/doctest.h>

#include "server/config.h"

namespace starling::server {
namespace {

const Environment kSafe{.process_id = 7,
                        .runs_as_root = false,
                        .open_files = 1 << 20,
                        .memory_bytes = 8ll << 30,
                        .overcommit = 1,
                        .listen_backlog = 4096};

std::string text_of(const std::vector<std::string>& arguments, const Environment& environment) {
  Config config;
  REQUIRE(config.load(arguments).ok());
  std::string text;
  for (const auto& [level, line] : banner(config.settings(), environment)) {
    text += (level == LogLevel::kWarning ? "# " : "* ") + line + "\n";
  }
  return text;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the banner names version, addresses, directory, durability and limit") {
  std::string text =
      text_of({"--port", "7000", "--dir", "/data", "--maxmemory", "1gb", "--io-threads", "2"}, kSafe);
  CHECK(says(text, "* Starling 0.1.0, as Redis 7.0.15, pid 7\n"));
  CHECK(says(text, "* Addresses: 127.0.0.1 -::1 port 7000, 2 I/O threads\n"));
  CHECK(says(text, "* Data directory: /data\n"));
  CHECK(says(text, "appendfsync everysec"));
  CHECK(says(text, "* Memory limit: 1024 MiB\n"));
  CHECK_FALSE(says(text, "WARNING"));
}

TEST_CASE("each unsafe thing has its warning, and only its own") {
  struct Case {
    std::vector<std::string> arguments;
    Environment environment;
    std::string_view warning;
  };
  auto with = [](auto change) {
    Environment environment = kSafe;
    change(environment);
    return environment;
  };
  const std::string_view kNone = "";
  const Case cases[] = {
      {{"--bind", "*"}, kSafe, "there is no password"},
      {{"--bind", "127.0.0.1", "10.0.0.1", "--protected-mode", "no"}, kSafe, "Anyone who can reach the port"},
      {{"--bind", "*", "--requirepass", "x"}, kSafe, kNone},
      {{"--bind", "*", "--port", "0", "--unixsocket", "/tmp/s"}, kSafe, kNone},
      {{"--storage", "memory"}, kSafe, "all data is gone"},
      {{"--appendfsync", "no"}, kSafe, "appendfsync no"},
      {{"--appendfsync", "no", "--storage", "memory"}, kSafe, "all data is gone"},
      {{"--maxmemory", "0"}, kSafe, "maxmemory 0"},
      {{"--maxmemory", "8gb"}, kSafe, "nearly all or more of the 8192 MiB"},
      {{"--maxmemory", "31mb"}, kSafe, "maxmemory 31 MiB is not kept"},
      {{"--maxmemory", "32mb"}, kSafe, kNone},
      {{"--enable-debug-command", "yes"}, kSafe, "enable-debug-command yes"},
      {{"--tcp-backlog", "5000"}, kSafe, "net.core.somaxconn, 4096"},
      {{}, with([](Environment& e) { e.runs_as_root = true; }), "Running as root"},
      {{}, with([](Environment& e) { e.overcommit = 2; }), "overcommit_memory is 2"},
      {{}, with([](Environment& e) { e.open_files = 1024; }), "limit of open files is 1024"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.warning);
    std::vector<std::string> arguments = {"--maxmemory", "1gb"};
    arguments.insert(arguments.end(), one.arguments.begin(), one.arguments.end());
    std::string text = text_of(arguments, one.environment);
    CHECK(says(text, one.warning));
    size_t warnings = 0;
    for (size_t at = text.find("# WARNING"); at != std::string::npos; at = text.find("# WARNING", at + 1))
      ++warnings;
    CHECK(warnings == (one.warning.empty() ? 0 : 1));
  }
}

TEST_CASE("the real environment can be read") {
  Environment environment = read_environment();
  CHECK(environment.process_id > 0);
  CHECK(environment.open_files > 0);
  CHECK(environment.memory_bytes > 0);
}

}  // namespace
}  // namespace starling::server
