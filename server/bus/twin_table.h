// Processes that say that they are one node. One of them runs on a copy of the other's directory, and there is no
// telling which: the one that is connected is taken for the node, the other one is refused and told to stop. Any
// thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <mutex>
#include <string>

#include "cluster/wire/node_id.h"

namespace starling::server {

class TwinTable {
 public:
  // One for the process: a twin comes to any of its loops.
  static TwinTable& of_process();

  // After this long without a word of the second process it counts as stopped.
  static constexpr int64_t kForgetMs = 30'000;

  // A second process came under the id of a node that is connected, and lives. Both addresses are of the bus. Returns
  // what is to be said against it, which reads after "it" and after "this node". Times are of one clock.
  std::string note(const cluster::NodeId& node, const std::string& connected_at, const std::string& second_at,
                   int64_t now_ms);
  // One of them has gone: whoever comes now may be the node.
  void forget(const cluster::NodeId& node);
  // As "127.0.0.1:7002 (d300f009) is two processes, on the bus at … and at …". Empty: nobody came under its id of
  // late.
  std::string complaint(const cluster::NodeId& node, int64_t now_ms) const;

 private:
  struct Twin {
    std::string text;
    int64_t seen_ms;
  };
  mutable std::mutex mutex_;  // Guards what follows.
  absl::flat_hash_map<cluster::NodeId, Twin> twins_;
};

}  // namespace starling::server
