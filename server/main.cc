#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/execute/command_line.h"
#include "server/process/allocator.h"
#include "server/process/banner.h"
#include "server/process/log.h"
#include "server/process/pid_file.h"
#include "server/server.h"

namespace starling::server {
namespace {

engine::Status serve(Config& config) {
  PidFile pid_file;
  if (engine::Status status = pid_file.write(config.settings().pid_file); !status.ok()) {
    log_text(LogLevel::kWarning, status.message());
  }
  Server server(config);
  engine::Status status = server.open();
  return status.ok() ? server.run() : status;
}

int run(const std::vector<std::string>& arguments) {
  if (const auto answer = answer_without_server(arguments)) {
    std::fputs(answer->c_str(), stdout);
    return 0;
  }
  Config config;
  engine::Status status = config.load(arguments);
  if (status.ok()) status = start_log(config);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  if (config.settings().daemonize && ::daemon(1, 0) != 0) {
    std::perror("cannot go to the background");
    return 1;
  }
  start_releasing_memory();
  log_banner(config.settings());
  for (const std::string& warning : config.warnings()) log_text(LogLevel::kWarning, "WARNING " + warning);
  status = serve(config);
  if (!status.ok()) {
    log_text(LogLevel::kWarning, status.message());
    return 1;
  }
  const bool durable = config.settings().storage == Storage::kRocksDb;
  log_text(LogLevel::kWarning, durable ? "Stopped; everything acknowledged is on disk." : "Stopped.");
  return 0;
}

}  // namespace
}  // namespace starling::server

int main(int argc, char** argv) {
  return starling::server::run({argv + 1, argv + argc});
}
