#include "server/execute/library_host.h"

#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {
namespace {

// As Redis: a program that only registers takes no time.
constexpr int64_t kMostUs = 500'000;
constexpr LogLevel kLevels[] = {LogLevel::kDebug, LogLevel::kVerbose, LogLevel::kNotice, LogLevel::kWarning};

}  // namespace

LibraryHost::LibraryHost(Server& server)
    : server_(server), until_us_(server.clock().monotonic_us() + kMostUs) {}

ScriptHost::Went LibraryHost::call(std::span<std::string_view>, resp::ReplyWriter&) {
  return Went::kStop;
}

ScriptHost::Went LibraryHost::look() {
  if (server_.clock().monotonic_us() < until_us_ && !server_.running_scripts().ending()) return Went::kOn;
  why_ = "FUNCTION LOAD timeout";
  return Went::kStop;
}

void LibraryHost::log(int level, std::string_view text) {
  log_text(kLevels[level], text);
}

}  // namespace starling::server
