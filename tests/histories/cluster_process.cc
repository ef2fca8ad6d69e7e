#include "histories/cluster_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

extern char** environ;

namespace starling::histories {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

NodeProcess::NodeProcess(const Site& site, int number, const Settings& settings)
    : directory_(site.directory + "/node-" + std::to_string(number + 1)),
      clock_path_(directory_ + ".clock"),
      number_(number) {
  std::filesystem::create_directories(directory_);
  move_clock(0);
  command_ = {site.server,
              "--port",
              std::to_string(kPort),
              "--bind",
              Network::host(number),
              "--protected-mode",
              "no",
              "--dir",
              directory_};
  for (const auto& [name, value] : settings) command_.insert(command_.end(), {"--" + name, value});
  for (char** variable = environ; *variable != nullptr; ++variable) environment_.emplace_back(*variable);
  environment_.push_back("LD_PRELOAD=" + site.clock_shim);
  environment_.push_back("STARLING_CLOCK_OFFSET=" + clock_path_);
  start();
}

NodeProcess::~NodeProcess() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void NodeProcess::start() {
  // All that takes memory comes before the fork: the driver has threads.
  const std::vector<char*> command = pointers_to(command_), environment = pointers_to(environment_);
  const int log = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int space = ::open(Network::namespace_path(number_).c_str(), O_RDONLY | O_CLOEXEC);
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    if (::setns(space, CLONE_NEWNET) == 0) ::execve(command[0], command.data(), environment.data());
    ::_exit(127);
  }
  ::close(log);
  ::close(space);
  if (process_ < 0) std::perror("fork"), std::exit(2);
  update();
}

void NodeProcess::update() {
  running_ = kills_ == 0 && stops_ == 0;
}

void NodeProcess::kill() {
  if (kills_++ > 0) return;
  update();
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void NodeProcess::restart() {
  if (--kills_ > 0) return;
  start();
  if (stops_ > 0) ::kill(process_, SIGSTOP);
}

void NodeProcess::stop() {
  if (stops_++ > 0) return;
  update();
  if (process_ > 0) ::kill(process_, SIGSTOP);
}

void NodeProcess::resume() {
  if (--stops_ > 0) return;
  if (process_ > 0) ::kill(process_, SIGCONT);
  update();
}

void NodeProcess::lose_disk() {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (entry.path().filename() != "cluster") std::filesystem::remove_all(entry.path());
  }
}

void NodeProcess::move_clock(int64_t milliseconds) {
  clock_ms_ += milliseconds;
  char text[32];
  std::snprintf(text, sizeof text, "%s%lld.%03lld\n", clock_ms_ < 0 ? "-" : "", std::llabs(clock_ms_) / 1000,
                std::llabs(clock_ms_) % 1000);
  // Replaced as a whole: it is read all the time.
  const std::string fresh = clock_path_ + ".new";
  std::ofstream(fresh) << text;
  std::filesystem::rename(fresh, clock_path_);
}

std::optional<std::string> NodeProcess::ended() {
  int status;
  if (process_ > 0 && ::waitpid(process_, &status, WNOHANG) == process_) {
    process_ = -1;
    how_ended_ = WIFSIGNALED(status) ? std::string("by signal ") + ::strsignal(WTERMSIG(status))
                                     : "with status " + std::to_string(WEXITSTATUS(status));
  }
  return kills_ == 0 && process_ < 0 ? std::optional(how_ended_) : std::nullopt;
}

Cluster::Cluster(const Site& site, int nodes, bool in_cluster, Settings settings) {
  if (in_cluster) {
    std::string seeds;
    for (int node = 0; node < nodes; ++node)
      seeds += (node ? " " : "") + Network::host(node) + ":" + std::to_string(kBusPort);
    settings.insert(settings.begin(), {{"cluster-enabled", "yes"},
                                       {"cluster-port", std::to_string(kBusPort)},
                                       {"cluster-min-nodes", std::to_string(nodes)},
                                       {"cluster-seeds", seeds}});
  }
  for (int node = 0; node < nodes; ++node)
    nodes_.push_back(std::make_unique<NodeProcess>(site, node, settings));
}

}  // namespace starling::histories
