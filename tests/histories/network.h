// A network of its own for a cluster: a namespace for each node behind one bridge, on which the driver has an address
// too. What nodes send to each other can be cut, in each direction; the driver reaches each node all the time.
//
// Takes root and nftables. One thread at a time.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace starling::histories {

// Runs a program and returns its exit status; -1 when it cannot be started. What it prints is dropped.
int run_program(const std::vector<std::string>& words);

class Network {
 public:
  // Gives this process, which has one thread yet, a network and a /run of its own. False: that is not possible here,
  // and *why says why.
  static bool enter(std::string* why);

  // After enter(). Ends the process with a message when the network cannot be made.
  explicit Network(int nodes);

  static std::string host(int node) { return "10.77.0." + std::to_string(node + 1); }
  // For setns().
  static std::string namespace_path(int node) { return "/run/netns/node-" + std::to_string(node); }

  // What `from` sends does not reach `to`, until as many calls of heal() have followed.
  void cut(int from, int to);
  void heal(int from, int to);
  // Breaks the connections that others have opened to the node's bus port, and those that it has opened.
  void reset(int node, int bus_port);

 private:
  std::map<std::pair<int, int>, int> cuts_;
};

}  // namespace starling::histories
