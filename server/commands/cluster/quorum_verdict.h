// What QUORUM EXPLAIN says in words: whether a read and a write of a key would find their quorums now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cluster/data/quorum.h"

namespace starling::server {

struct ReplicaState {
  uint8_t datacenter = 0;  // Equal numbers, same data centre.
  bool up = false;
};

// `own`: the coordinator's data centre. `stand_ins`: nodes that are up and no replicas; in sloppy mode each takes the
// place of one replica that is not. As "read: yes, 3 of 3 replicas are up and 2 are needed; write: …".
std::string quorum_verdict(const cluster::QuorumOptions& options, std::span<const ReplicaState> replicas,
                           uint8_t own, size_t stand_ins);

}  // namespace starling::server
