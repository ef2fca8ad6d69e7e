#include "server/process/node_names.h"

#include <utility>

#include "cluster/wire/short_id.h"

namespace starling::server {

NodeNames& NodeNames::of_process() {
  static NodeNames names;
  return names;
}

void NodeNames::learn(const cluster::NodeId& id, std::string address, std::string nodename) {
  std::lock_guard lock(mutex_);
  known_[id] = {std::move(address), std::move(nodename)};
}

void NodeNames::forget(const cluster::NodeId& id) {
  std::lock_guard lock(mutex_);
  known_.erase(id);
}

std::string NodeNames::name(const cluster::NodeId& id) const {
  std::lock_guard lock(mutex_);
  const auto found = known_.find(id);
  if (found == known_.end()) return cluster::short_id(id);
  const auto& [address, nodename] = found->second;
  return address + " (" + cluster::short_id(id) + (nodename.empty() ? "" : ", " + nodename) + ")";
}

std::string node_name(const cluster::NodeId& id) {
  return NodeNames::of_process().name(id);
}

}  // namespace starling::server
