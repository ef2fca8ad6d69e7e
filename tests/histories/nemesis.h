// Does what a plan says to a cluster and its network, and notes when.
#pragma once

#include <string>
#include <vector>

#include "histories/cluster_process.h"
#include "histories/nemesis_plan.h"

namespace starling::histories {

// On the thread that made the cluster.
class Nemesis {
 public:
  Nemesis(Network& network, Cluster& cluster) : network_(network), cluster_(cluster) {}

  // Does all steps; their times count from now.
  void run(const std::vector<Step>& steps, Time length);
  const std::vector<Event>& events() const { return events_; }

 private:
  void begin(const Step& step);
  void end(const Step& step);
  void say(const std::string& what);
  template <typename Action>
  void each_cut(const Step& step, Action action);

  Network& network_;
  Cluster& cluster_;
  std::vector<Event> events_;
};

}  // namespace starling::histories
