#include "histories/network.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace starling::histories {
namespace {

void must(const std::vector<std::string>& words) {
  if (run_program(words) == 0) return;
  std::string line;
  for (const std::string& word : words) line += " " + word;
  std::fprintf(stderr, "this failed:%s\n", line.c_str());
  std::exit(2);
}

std::string name(int node) {
  return "node-" + std::to_string(node);
}

std::string pair_of(int from, int to) {
  return "{ " + Network::host(from) + " . " + Network::host(to) + " }";
}

}  // namespace

int run_program(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child;
  const int failed = ::posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status;
  if (failed != 0 || ::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool Network::enter(std::string* why) {
  if (::geteuid() != 0) {
    *why = "network namespaces take root";
    return false;
  }
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", "/run", "tmpfs", 0, nullptr) != 0) {
    *why = std::string("network namespaces cannot be made here: ") + std::strerror(errno);
    return false;
  }
  if (run_program({"ip", "netns", "add", "probe"}) != 0 ||
      run_program({"nft", "add table bridge probe; delete table bridge probe"}) != 0) {
    *why = "ip or nft do not work here";
    return false;
  }
  return true;
}

Network::Network(int nodes) {
  must({"ip", "link", "set", "lo", "up"});
  must({"ip", "link", "add", "name", "bridge0", "type", "bridge"});
  must({"ip", "address", "add", "10.77.0.254/24", "dev", "bridge0"});
  must({"ip", "link", "set", "bridge0", "up"});
  for (int node = 0; node < nodes; ++node) {
    const std::string space = name(node), port = "to-" + space;
    must({"ip", "netns", "add", space});
    must({"ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space});
    must({"ip", "link", "set", port, "master", "bridge0", "up"});
    must({"ip", "-n", space, "address", "add", host(node) + "/24", "dev", "eth0"});
    must({"ip", "-n", space, "link", "set", "eth0", "up"});
    must({"ip", "-n", space, "link", "set", "lo", "up"});
  }
  must({"nft",
        "add table bridge cut; add set bridge cut pairs { type ipv4_addr . ipv4_addr; }; "
        "add chain bridge cut forward { type filter hook forward priority 0; }; "
        "add rule bridge cut forward ip saddr . ip daddr @pairs drop"});
}

void Network::cut(int from, int to) {
  if (cuts_[{from, to}]++ == 0) must({"nft", "add element bridge cut pairs " + pair_of(from, to)});
}

void Network::heal(int from, int to) {
  if (--cuts_[{from, to}] == 0) must({"nft", "delete element bridge cut pairs " + pair_of(from, to)});
}

void Network::reset(int node, int bus_port) {
  const std::string port = std::to_string(bus_port);
  run_program({"ip", "netns", "exec", name(node), "ss", "-K", "-t", "dport", "=", port});
  run_program({"ip", "netns", "exec", name(node), "ss", "-K", "-t", "sport", "=", port});
}

}  // namespace starling::histories
