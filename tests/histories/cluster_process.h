// Real servers, each in its namespace, with its directory and its clock, for one round of faults.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "histories/network.h"

namespace starling::histories {

constexpr int kPort = 6379;
constexpr int kBusPort = 16379;

using Settings = std::vector<std::pair<std::string, std::string>>;

// The binaries, and where nodes may write.
struct Site {
  std::string server, clock_shim, directory;
};

// One node. All but running() on the thread that made it: the node dies with that thread.
class NodeProcess {
 public:
  NodeProcess(const Site& site, int number, const Settings& settings);
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  // Faults may overlap: a node runs again when as many calls have undone what was done.
  void kill();
  void restart();
  void stop();
  void resume();
  // A dead node's disk is lost, but for the file `cluster`, which is copied from a backup.
  void lose_disk();
  void move_clock(int64_t milliseconds);

  // Neither dead nor stopped, nor about to be. Any thread.
  bool running() const { return running_; }
  // How it ended by itself, which no fault does.
  std::optional<std::string> ended();
  std::string log_path() const { return directory_ + ".log"; }

 private:
  void start();
  void update();

  const std::string directory_, clock_path_;
  std::vector<std::string> command_, environment_;
  const int number_;
  pid_t process_ = -1;
  int kills_ = 0, stops_ = 0;
  std::atomic<bool> running_ = false;
  std::string how_ended_;
  int64_t clock_ms_ = 0;
};

class Cluster {
 public:
  // Starts them, as a cluster or each on its own.
  Cluster(const Site& site, int nodes, bool in_cluster, Settings settings);

  int size() const { return static_cast<int>(nodes_.size()); }
  NodeProcess& node(int i) { return *nodes_[static_cast<size_t>(i)]; }
  const NodeProcess& node(int i) const { return *nodes_[static_cast<size_t>(i)]; }

 private:
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
};

}  // namespace starling::histories
