#include "server/process/banner.h"
#include "server/process/build_facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "server/process/machine_memory.h"

namespace starling::server {
namespace {

// Beside the clients: the store's files, threads, logs.
constexpr int64_t kOwnOpenFiles = 1024;
constexpr int64_t kMebibyte = 1 << 20;
// The least maxmemory that is kept (README.md, "Limits").
constexpr int64_t kLeastDurableBytes = 32 * kMebibyte;
constexpr int64_t kLeastMemoryBytes = 16 * kMebibyte;

// The number that a file of the kernel's consists of; `otherwise` when there is none.
int64_t read_number(const char* path, int64_t otherwise) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? number : otherwise;
}

std::string mebibytes(int64_t bytes) {
  return std::to_string(bytes / kMebibyte) + " MiB";
}

std::string addresses(const Settings& settings) {
  std::string text;
  if (settings.port != 0) {
    for (const std::string& address : settings.bind) text += (text.empty() ? "" : " ") + address;
    text += " port " + std::to_string(settings.port);
  }
  if (!settings.unix_socket.empty()) text += (text.empty() ? "" : ", ") + settings.unix_socket;
  return text;
}

std::string durability(const Settings& settings) {
  if (settings.storage == Storage::kMemory) return "none: storage memory keeps no files";
  switch (settings.fsync.get()) {
    case engine::Fsync::kAlways:
      return "every acknowledged write is on disk (appendfsync always)";
    case engine::Fsync::kEverySecond:
      return "a power failure may lose about a second (appendfsync everysec); a killed process loses nothing";
    case engine::Fsync::kNo:
      return "a power failure may lose what the system had not written (appendfsync no); a killed process "
             "loses nothing";
  }
  return {};
}

bool loopback(std::string_view address) {
  if (address.starts_with('-')) address.remove_prefix(1);
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

void warn_of_access(const Settings& settings, const Environment& environment,
                    std::vector<std::string>* warnings) {
  bool open = settings.port != 0 && !std::all_of(settings.bind.begin(), settings.bind.end(), loopback);
  if (open && settings.password.empty()) {
    warnings->push_back(
        settings.protected_mode
            ? "bind opens the port to a network but there is no password: protected-mode answers only "
              "clients of this machine. Set requirepass."
            : "Anyone who can reach the port can read and change everything: no password, protected-mode "
              "off. Set requirepass.");
  }
  if (environment.runs_as_root) {
    warnings->push_back(
        "Running as root: give the server a user of its own that owns only its data directory.");
  }
  if (settings.debug_command == DebugCommand::kYes) {
    warnings->push_back("enable-debug-command yes lets every client stall or crash the server.");
  }
}

void warn_of_data(const Settings& settings, const Environment& environment,
                  std::vector<std::string>* warnings) {
  if (settings.storage == Storage::kMemory) {
    warnings->push_back("storage memory: all data is gone when the process ends.");
  } else if (settings.fsync == engine::Fsync::kNo) {
    warnings->push_back(
        "appendfsync no: a power failure may lose acknowledged writes of half a minute or more.");
  }
  int64_t limit = settings.max_memory_bytes;
  if (limit == 0) {
    warnings->push_back(
        "maxmemory 0: memory grows with the data until the system kills the process. Set it to what this "
        "server may use.");
  } else if (environment.memory_bytes != 0 && limit > environment.memory_bytes / 10 * 9) {
    warnings->push_back("maxmemory " + mebibytes(limit) + " is nearly all or more of the " +
                        mebibytes(environment.memory_bytes) + " there are.");
  }
  if (std::string warning = warning_of_low_maxmemory(settings); !warning.empty())
    warnings->push_back(std::move(warning));
  if (environment.overcommit == 2) {
    warnings->push_back(
        "vm.overcommit_memory is 2: allocations may fail while there is memory left. Set it to 0 or 1.");
  }
}

void warn_of_limits(const Settings& settings, const Environment& environment,
                    std::vector<std::string>* warnings) {
  if (environment.open_files != 0 && environment.open_files < settings.max_clients + kOwnOpenFiles) {
    warnings->push_back("The limit of open files is " + std::to_string(environment.open_files) +
                        ", too low for maxclients " + std::to_string(settings.max_clients.get()) +
                        " and the data's files. Raise ulimit -n to " +
                        std::to_string(settings.max_clients + kOwnOpenFiles) + ".");
  }
  if (environment.listen_backlog != 0 && environment.listen_backlog < settings.tcp_backlog) {
    warnings->push_back("tcp-backlog " + std::to_string(settings.tcp_backlog) +
                        " is cut to net.core.somaxconn, " + std::to_string(environment.listen_backlog) + ".");
  }
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.process_id = ::getpid();
  environment.runs_as_root = ::geteuid() == 0;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    environment.open_files = static_cast<int64_t>(std::min<rlim_t>(files.rlim_cur, 1u << 30));
  }
  environment.memory_bytes = memory_available();
  environment.overcommit = static_cast<int>(read_number("/proc/sys/vm/overcommit_memory", 1));
  environment.listen_backlog = read_number("/proc/sys/net/core/somaxconn", 0);
  return environment;
}

std::string warning_of_low_maxmemory(const Settings& settings) {
  const bool durable = settings.storage == Storage::kRocksDb;
  const int64_t least = durable ? kLeastDurableBytes : kLeastMemoryBytes;
  const int64_t limit = settings.max_memory_bytes;
  if (limit == 0 || limit >= least) return {};
  return "maxmemory " + mebibytes(limit) +
         " is not kept: " + (durable ? "RocksDB, checkpoints and requests" : "requests and the tables") +
         " may need that much beside the data. From " + mebibytes(least) + " on it is.";
}

std::vector<LogLine> banner(const Settings& settings, const Environment& environment) {
  std::vector<LogLine> lines;
  auto say = [&](std::string text) { lines.emplace_back(LogLevel::kNotice, std::move(text)); };
  say("Starling " + std::string(build_facts().version) + ", as Redis " + std::string(kRedisVersion) +
      ", pid " + std::to_string(environment.process_id));
  say("Addresses: " + addresses(settings) + ", " + std::to_string(settings.io_threads) + " I/O threads");
  if (settings.storage == Storage::kRocksDb) say("Data directory: " + settings.directory);
  say("Durability: " + durability(settings));
  say("Memory limit: " + (settings.max_memory_bytes == 0 ? "none" : mebibytes(settings.max_memory_bytes)));

  std::vector<std::string> warnings;
  warn_of_access(settings, environment, &warnings);
  warn_of_data(settings, environment, &warnings);
  warn_of_limits(settings, environment, &warnings);
  for (std::string& warning : warnings)
    lines.emplace_back(LogLevel::kWarning, "WARNING " + std::move(warning));
  return lines;
}

void log_banner(const Settings& settings) {
  for (const auto& [level, text] : banner(settings, read_environment())) log_text(level, text);
}

}  // namespace starling::server
