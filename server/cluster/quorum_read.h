// One command's questions to other replicas: which versions of its keys they hold. Shared by the request that
// waits for it and the loop's ClusterThread, which fills it in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/data/peer_version.h"
#include "cluster/data/quorum.h"

namespace starling::server {

class TrackedRead;

struct QuorumRead {
  uint64_t client_id = 0;
  int pending = 0;  // Questions without an answer yet.
  // Writes of the client that had been forwarded when it was asked: an answer from before a later one is of
  // no use to the client that sent it.
  uint64_t after_writes = 0;
  // It may be asked ahead of its turn: then it holds only if nothing before it has changed these.
  int database = 0;
  cluster::QuorumOptions options;
  bool writes = false;      // The command may change its keys: then what it ships mends who is behind.
  bool waited_for = false;  // The client waits for this to be done.
  std::string failure;      // The error reply; empty: none so far.
  // For each key of the command, in their order, what peers said.
  std::vector<std::vector<cluster::PeerVersion>> versions;
  // The newer records that it told of were asked for, once.
  bool fetched = false;
  std::string trouble;  // Why one of them could not be merged; empty: nothing is known against it.
  // It is to be asked anew, within the same time: what it said does not help any more.
  bool again = false;
  int rounds = 0;  // Times that it was asked anew before.
  int64_t deadline_us = 0;
  // For a client that tracks keys; null: those who were asked do not tell of changes.
  std::shared_ptr<TrackedRead> tracked;

  bool done() const { return pending == 0; }
};

}  // namespace starling::server
