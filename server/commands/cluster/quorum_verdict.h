// What QUORUM EXPLAIN says in words: whether a read and a write of a key would find their quorums now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/data/quorum.h"

namespace starling::server {

struct ReplicaState {
  uint8_t datacenter = 0;  // Equal numbers, same data centre.
  bool up = false;
};

// Of a key. `writes`: the sets of replicas of each of which a write needs its quorum; two while the partition moves.
// `own`: the coordinator's data centre. `stand_ins`: nodes that are up and no replicas; in sloppy mode each takes the
// place of one replica that is not.
struct QuorumOutlook {
  std::vector<ReplicaState> reads;
  std::vector<std::vector<ReplicaState>> writes;
  uint8_t own = 0;
  size_t stand_ins = 0;
};

// As "read: yes, 3 of 3 replicas are up and 2 are needed; write: …"; while the partition moves the last is
// "write: yes, … are needed; and where it moves to: no, …".
std::string quorum_verdict(const cluster::QuorumOptions& options, const QuorumOutlook& outlook);

}  // namespace starling::server
