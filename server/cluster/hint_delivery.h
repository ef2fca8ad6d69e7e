// Hands hints to those that are back, keeps HintKeeper to the settings, and says in the log what was given
// up.
//
// The first loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "cluster/topology/placement.h"
#include "server/cluster/hint_keeper.h"
#include "server/net/event_loop.h"

namespace starling::server {

class ClusterThread;
class Server;

class HintDelivery {
 public:
  // `thread` is the first loop's; all outlive this.
  HintDelivery(Server& server, ClusterThread& thread, HintKeeper& keeper);

 private:
  void deliver();
  void deliver_to(const cluster::NodeId& target);
  void tend();
  void bequeath();
  void tell();
  void tell_delivered();
  bool holds(uint16_t partition) const;
  cluster::NodeId recipient(const cluster::NodeId& target, uint16_t partition) const;

  Server& server_;
  ClusterThread& thread_;
  HintKeeper& keeper_;
  absl::flat_hash_map<cluster::NodeId, size_t> under_way_;
  absl::flat_hash_map<cluster::NodeId, size_t> delivered_;  // And not told of.
  int64_t expired_at_us_ = 0, told_at_us_ = 0;
  uint64_t given_up_told_ = 0;
  Timer deliver_timer_, tend_timer_;
};

}  // namespace starling::server
