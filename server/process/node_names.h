// How nodes are called in the log: 127.0.0.1:7002 (d300f009), the address for clients and the first digits of the id;
// by the digits alone while the address is not known. With a human name: 127.0.0.1:7002 (d300f009, left).
#pragma once

#include <absl/container/flat_hash_map.h>

#include <mutex>
#include <string>

#include "cluster/wire/node_id.h"

namespace starling::server {

class NodeNames {
 public:
  // One for the process: whoever logs has it. Its functions may be called by any thread.
  static NodeNames& of_process();

  // `address`: host:port for clients. `nodename` may be empty.
  void learn(const cluster::NodeId& id, std::string address, std::string nodename);
  void forget(const cluster::NodeId& id);
  std::string name(const cluster::NodeId& id) const;

 private:
  struct Known {
    std::string address, nodename;
  };
  mutable std::mutex mutex_;  // Guards what follows.
  absl::flat_hash_map<cluster::NodeId, Known> known_;
};

// What NodeNames::of_process() calls it.
std::string node_name(const cluster::NodeId& id);

}  // namespace starling::server
